// A FIX client on QuickFIX: somebody else's session layer, driven line by line by a scenario.
// The Makefile builds it as C++14, for the headers of Debian's QuickFIX 1.15 declare `throw(...)`.
//
// Usage: fix_client HOST PORT SENDER TARGET PASSWORD STORE_DIR [BEGIN_STRING [DICTIONARY_DIR]]
//   BEGIN_STRING is FIX.4.2, FIX.4.4 (without it) or FIXT.1.1, which means FIX.5.0SP2. With
//   DICTIONARY_DIR everything that comes is validated with FIX42.xml, FIX44.xml, or FIXT11.xml and
//   FIX50SP2.xml of that folder. Logs on as SENDER to TARGET with 553=SENDER and 554=PASSWORD. Numbers and sent messages are
//   kept in STORE_DIR (FileStore): a second start with the same folder goes on where the first
//   ended and asks for what it missed. It reconnects by itself after one second.
//
// Commands, one a line on standard input; words are separated by blanks:
//   new ID SIDE QTY PRICE TIF SYMBOL   NewOrderSingle. SIDE buy|sell; PRICE a number, or `market`;
//                                      TIF day|gtc|ioc|fok
//   cancel ID ORIG SIDE QTY SYMBOL     OrderCancelRequest ID for the order ORIG
//   status ID SIDE SYMBOL              OrderStatusRequest for the order ID
//   raw TYPE TAG=VALUE...              any message: TYPE is 35; values without blanks
//   refuse                             from now on each message of the application is refused, as an
//                                      application does that knows none: QuickFIX answers j
//   drop                               cuts the TCP connection at once: no Logout, what is in
//                                      flight is lost. QuickFIX connects again by itself
//   stay                               after the next drop, or a Logout: no reconnecting until `back`
//   back                               connects again
//   logout                             Logout, orderly; then as after `stay`
//   wait MS                            nothing for so many milliseconds
//   mark TEXT                          prints `mark TEXT`: everything before it has been handed over
//   quit                               Logout and exit; so does the end of standard input
//
// Events, one a line on standard output, flushed; the first word tells the kind, the others are
// KEY=VALUE with blanks of a value turned into `_`, absent fields left out:
//   up next_out=N next_in=N            logged on
//   down                               logged out or cut off
//   exec seq= dup= exec= order= id= orig= type= status= side= symbol= qty= price= last= lastpx=
//        cum= leaves= avg= text=       ExecutionReport; type and status are the FIX letters;
//                                      dup=Y for PossDupFlag
//   cxlrej seq= dup= order= id= orig= status= reason= text=
//   msg seq= dup= type= text=          any other message of the application
//   admin in|out type= seq= dup= ...   session messages but heartbeats, with their own fields:
//                                      begin= end= (ResendRequest), new= gap= (SequenceReset),
//                                      ref= reason= (Reject), text=
//   sent id=ID                         the command of that ID went to the session
//   error TEXT                         a command could not be understood or sent
//   mark TEXT
#include <quickfix/Application.h>
#include <quickfix/FileStore.h>
#include <quickfix/MessageCracker.h>
#include <quickfix/Session.h>
#include <quickfix/SessionSettings.h>
#include <quickfix/SocketInitiator.h>
#include <quickfix/FixFields.h>
#include <quickfix/FixValues.h>

#include <dirent.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

std::mutex print_mutex;

void print_line(const std::string &line) {
  std::lock_guard<std::mutex> lock(print_mutex);
  std::cout << line << '\n' << std::flush;
}

std::string one_word(std::string value) {
  for (char &c : value) {
    if (c == ' ' || c == '\n' || c == '\t') c = '_';
  }
  return value;
}

void add(std::string &line, const char *key, const FIX::FieldMap &map, int tag) {
  if (!map.isSetField(tag)) return;
  line += ' ';
  line += key;
  line += '=';
  line += one_word(map.getField(tag));
}

std::string begin_line(const std::string &kind, const FIX::Message &message) {
  std::string line = kind;
  add(line, "seq", message.getHeader(), FIX::FIELD::MsgSeqNum);
  add(line, "dup", message.getHeader(), FIX::FIELD::PossDupFlag);
  return line;
}

using Shown = std::vector<std::pair<const char *, int>>;

const Shown exec_fields = {
    {"exec", 17}, {"order", 37}, {"id", 11},     {"orig", 41},    {"type", 150},
    {"status", 39}, {"side", 54}, {"symbol", 55}, {"qty", 38},     {"price", 44},
    {"last", 32}, {"lastpx", 31}, {"cum", 14},   {"leaves", 151}, {"avg", 6},
    {"reason", 103}, {"text", 58},
};
const Shown cxlrej_fields = {
    {"order", 37}, {"id", 11}, {"orig", 41}, {"status", 39}, {"reason", 102}, {"text", 58},
};
const Shown other_fields = {{"ref", 372}, {"reason", 380}, {"text", 58}};
const Shown admin_fields = {
    {"begin", 7}, {"end", 16}, {"new", 36},    {"gap", 123},  {"reset", 141},
    {"ref", 45},  {"tag", 371}, {"reason", 373}, {"text", 58},
};

void show(std::string line, const FIX::Message &message, const Shown &fields) {
  for (const auto &field : fields) add(line, field.first, message, field.second);
  print_line(line);
}

class Client : public FIX::Application {
 public:
  explicit Client(std::string password) : password_(std::move(password)) {}

  void onCreate(const FIX::SessionID &) override {}

  void onLogon(const FIX::SessionID &id) override {
    FIX::Session *session = FIX::Session::lookupSession(id);
    print_line("up next_out=" + std::to_string(session->getExpectedSenderNum()) +
               " next_in=" + std::to_string(session->getExpectedTargetNum()));
  }

  void onLogout(const FIX::SessionID &) override { print_line("down"); }

  void toAdmin(FIX::Message &message, const FIX::SessionID &id) override {
    const std::string type = message.getHeader().getField(FIX::FIELD::MsgType);
    if (type == FIX::MsgType_Logon) {
      message.setField(FIX::Username(id.getSenderCompID().getValue()));
      message.setField(FIX::Password(password_));
    }
    admin("admin out", type, message);
  }

  void fromAdmin(const FIX::Message &message, const FIX::SessionID &) throw(
      FIX::FieldNotFound, FIX::IncorrectDataFormat, FIX::IncorrectTagValue,
      FIX::RejectLogon) override {
    admin("admin in", message.getHeader().getField(FIX::FIELD::MsgType), message);
  }

  void toApp(FIX::Message &, const FIX::SessionID &) throw(FIX::DoNotSend) override {}

  void fromApp(const FIX::Message &message, const FIX::SessionID &) throw(
      FIX::FieldNotFound, FIX::IncorrectDataFormat, FIX::IncorrectTagValue,
      FIX::UnsupportedMessageType) override {
    const std::string type = message.getHeader().getField(FIX::FIELD::MsgType);
    if (type == FIX::MsgType_ExecutionReport) {
      show(begin_line("exec", message), message, exec_fields);
    } else if (type == FIX::MsgType_OrderCancelReject) {
      show(begin_line("cxlrej", message), message, cxlrej_fields);
    } else {
      show(begin_line("msg", message) + " type=" + type, message, other_fields);
    }
    if (refuses_) throw FIX::UnsupportedMessageType();
  }

  void refuse() { refuses_ = true; }

 private:
  void admin(const char *kind, const std::string &type, const FIX::Message &message) {
    if (type == FIX::MsgType_Heartbeat) return;
    std::string line = std::string(kind) + " type=" + type;
    show(begin_line(line, message), message, admin_fields);
  }

  std::string password_;
  std::atomic<bool> refuses_{false};
};

FIX::Side side_of(const std::string &word) {
  if (word == "buy") return FIX::Side(FIX::Side_BUY);
  if (word == "sell") return FIX::Side(FIX::Side_SELL);
  throw std::runtime_error("no such side: " + word);
}

char tif_of(const std::string &word) {
  static const std::map<std::string, char> known = {
      {"day", FIX::TimeInForce_DAY},
      {"gtc", FIX::TimeInForce_GOOD_TILL_CANCEL},
      {"ioc", FIX::TimeInForce_IMMEDIATE_OR_CANCEL},
      {"fok", FIX::TimeInForce_FILL_OR_KILL},
  };
  const auto found = known.find(word);
  if (found == known.end()) throw std::runtime_error("no such time in force: " + word);
  return found->second;
}

FIX::Message message_of(const std::string &type) {
  FIX::Message message;
  message.getHeader().setField(FIX::MsgType(type));
  return message;
}

FIX::Message new_order(std::istream &words) {
  std::string id, side, qty, price, tif, symbol;
  if (!(words >> id >> side >> qty >> price >> tif >> symbol)) {
    throw std::runtime_error("new ID SIDE QTY PRICE TIF SYMBOL");
  }
  FIX::Message message = message_of("D");
  message.setField(FIX::ClOrdID(id));
  message.setField(FIX::HandlInst('1'));
  message.setField(FIX::Symbol(symbol));
  message.setField(side_of(side));
  message.setField(FIX::TransactTime(FIX::UtcTimeStamp()));
  message.setField(FIX::FIELD::OrderQty, qty);
  const bool market = price == "market";
  message.setField(FIX::OrdType(market ? FIX::OrdType_MARKET : FIX::OrdType_LIMIT));
  if (!market) message.setField(FIX::FIELD::Price, price);
  message.setField(FIX::TimeInForce(tif_of(tif)));
  return message;
}

FIX::Message cancel(std::istream &words) {
  std::string id, orig, side, qty, symbol;
  if (!(words >> id >> orig >> side >> qty >> symbol)) {
    throw std::runtime_error("cancel ID ORIG SIDE QTY SYMBOL");
  }
  FIX::Message message = message_of("F");
  message.setField(FIX::OrigClOrdID(orig));
  message.setField(FIX::ClOrdID(id));
  message.setField(FIX::Symbol(symbol));
  message.setField(side_of(side));
  message.setField(FIX::TransactTime(FIX::UtcTimeStamp()));
  message.setField(FIX::FIELD::OrderQty, qty);
  return message;
}

FIX::Message status(std::istream &words) {
  std::string id, side, symbol;
  if (!(words >> id >> side >> symbol)) throw std::runtime_error("status ID SIDE SYMBOL");
  FIX::Message message = message_of("H");
  message.setField(FIX::ClOrdID(id));
  message.setField(FIX::Symbol(symbol));
  message.setField(side_of(side));
  return message;
}

FIX::Message raw(std::istream &words) {
  std::string type, field;
  if (!(words >> type)) throw std::runtime_error("raw TYPE TAG=VALUE...");
  FIX::Message message = message_of(type);
  while (words >> field) {
    const auto equals = field.find('=');
    if (equals == std::string::npos) throw std::runtime_error("not TAG=VALUE: " + field);
    message.setField(std::stoi(field.substr(0, equals)), field.substr(equals + 1));
  }
  return message;
}

// Shuts every connected TCP socket of this process: QuickFIX gives no way to its own. Neither side
// gets to say a word any more.
int cut_connections() {
  int count = 0;
  DIR *folder = opendir("/proc/self/fd");
  if (folder == nullptr) throw std::runtime_error("no /proc/self/fd");
  while (const dirent *entry = readdir(folder)) {
    const int fd = std::atoi(entry->d_name);
    int type = 0;
    socklen_t size = sizeof type;
    sockaddr_storage peer{};
    socklen_t peer_size = sizeof peer;
    if (fd <= 2 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) continue;
    if (type != SOCK_STREAM) continue;
    if (getpeername(fd, reinterpret_cast<sockaddr *>(&peer), &peer_size) != 0) continue;
    if (peer.ss_family != AF_INET && peer.ss_family != AF_INET6) continue;
    shutdown(fd, SHUT_RDWR);
    count += 1;
  }
  closedir(folder);
  return count;
}

FIX::SessionSettings settings_of(char **argv, const std::string &begin, const std::string &dictionaries) {
  std::ostringstream text;
  text << "[DEFAULT]\nConnectionType=initiator\nReconnectInterval=1\nHeartBtInt=5\n"
       << "StartTime=00:00:00\nEndTime=00:00:00\nNonStopSession=Y\n"
       << "SocketNodelay=Y\nLogonTimeout=5\nLogoutTimeout=2\nMillisecondsInTimeStamp=Y\n"
       << "PersistMessages=Y\nFileStorePath=" << argv[6] << "\nFileStoreSync=N\n"
       << "UseDataDictionary=" << (dictionaries.empty() ? "N" : "Y") << "\n";
  if (begin == "FIXT.1.1") text << "DefaultApplVerID=FIX.5.0SP2\n";
  if (!dictionaries.empty()) {
    if (begin == "FIXT.1.1") {
      text << "TransportDataDictionary=" << dictionaries << "/FIXT11.xml\n"
           << "AppDataDictionary=" << dictionaries << "/FIX50SP2.xml\n";
    } else {
      text << "DataDictionary=" << dictionaries << (begin == "FIX.4.2" ? "/FIX42.xml\n" : "/FIX44.xml\n");
    }
  }
  text << "[SESSION]\nBeginString=" << begin << "\nSenderCompID=" << argv[3] << "\nTargetCompID=" << argv[4]
       << "\nSocketConnectHost=" << argv[1] << "\nSocketConnectPort=" << argv[2] << "\n";
  std::istringstream stream(text.str());
  return FIX::SessionSettings(stream);
}

class Desk {
 public:
  Desk(FIX::SessionID id, Client &client) : id_(std::move(id)), client_(client) {}

  // False at `quit`.
  bool run(const std::string &line) {
    std::istringstream words(line);
    std::string verb;
    if (!(words >> verb) || verb[0] == '#') return true;
    if (verb == "quit") return false;
    if (verb == "new") {
      send(new_order(words));
    } else if (verb == "cancel") {
      send(cancel(words));
    } else if (verb == "status") {
      send(status(words));
    } else if (verb == "raw") {
      send(raw(words));
    } else if (verb == "refuse") {
      client_.refuse();
    } else if (verb == "drop") {
      if (cut_connections() == 0) print_line("error no connection to drop");
      if (stay_) session().logout("");  // Never heard by the peer: the socket is gone.
    } else if (verb == "stay") {
      stay_ = true;
    } else if (verb == "back") {
      stay_ = false;
      session().logon();
    } else if (verb == "logout") {
      stay_ = true;
      session().logout("");
    } else if (verb == "wait") {
      long ms = 0;
      words >> ms;
      std::this_thread::sleep_for(std::chrono::milliseconds(ms));
    } else if (verb == "mark") {
      print_line(line);
    } else {
      throw std::runtime_error("no such command: " + verb);
    }
    return true;
  }

 private:
  FIX::Session &session() {
    FIX::Session *session = FIX::Session::lookupSession(id_);
    if (session == nullptr) throw std::runtime_error("no session");
    return *session;
  }

  // Without a connection it takes its number and is kept: the peer notices the gap and asks for it.
  void send(FIX::Message message) {
    const std::string id =
        message.isSetField(FIX::FIELD::ClOrdID) ? message.getField(FIX::FIELD::ClOrdID) : "";
    FIX::Session::sendToTarget(message, id_);
    print_line("sent id=" + id);
  }

  FIX::SessionID id_;
  Client &client_;
  bool stay_ = false;
};

}  // namespace

int main(int argc, char **argv) {
  if (argc < 7 || argc > 9) {
    std::cerr << "usage: fix_client HOST PORT SENDER TARGET PASSWORD STORE_DIR [BEGIN_STRING [DICTIONARY_DIR]]\n";
    return 2;
  }
  const std::string begin = argc > 7 ? argv[7] : "FIX.4.4";
  try {
    mkdir(argv[6], 0777);
    const FIX::SessionSettings settings = settings_of(argv, begin, argc > 8 ? argv[8] : "");
    Client client(argv[5]);
    FIX::FileStoreFactory store(settings);
    FIX::SocketInitiator initiator(client, store, settings);
    Desk desk(FIX::SessionID(begin, argv[3], argv[4]), client);
    initiator.start();
    std::string line;
    while (std::getline(std::cin, line)) {
      try {
        if (!desk.run(line)) break;
      } catch (const std::exception &error) {
        print_line(std::string("error ") + error.what());
      }
    }
    initiator.stop();
  } catch (const std::exception &error) {
    std::cerr << "fix_client: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
