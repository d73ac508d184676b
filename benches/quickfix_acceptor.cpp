// An order gateway on QuickFIX's session layer, for `rutter-tools compare`: every NewOrderSingle is answered at
// once, with a refusal or with New and a fill. The Makefile builds it as C++14, for the headers of Debian's
// QuickFIX 1.15 declare `throw(...)`.
//
//   quickfix_acceptor PORT STORE ANSWER LOOP [DICTIONARY.xml]
//     STORE   `memory`, or the folder of a FileStore
//     ANSWER  `refuse`: an ExecutionReport with 39=8; `fill`: one with 39=0 and one with 39=2
//     LOOP    `select`: all connections on one thread (SocketAcceptor); `threads`: one each
//             (ThreadedSocketAcceptor)
//     With a dictionary every message is validated against it.
//
// One session, RUTTER facing DESK1 in FIX.4.4, open all day. No log. Prints `listening` once it does and ends with
// its standard input.

#include <quickfix/Application.h>
#include <quickfix/FileStore.h>
#include <quickfix/Session.h>
#include <quickfix/SessionSettings.h>
#include <quickfix/SocketAcceptor.h>
#include <quickfix/ThreadedSocketAcceptor.h>
#include <quickfix/fix44/ExecutionReport.h>

#include <sys/stat.h>

#include <iostream>
#include <memory>
#include <sstream>
#include <string>

namespace {

class Gateway : public FIX::NullApplication {
 public:
  explicit Gateway(bool fills) : fills_(fills) {}

  void fromApp(const FIX::Message &order, const FIX::SessionID &id) throw(
      FIX::FieldNotFound, FIX::IncorrectDataFormat, FIX::IncorrectTagValue, FIX::UnsupportedMessageType) override {
    if (order.getHeader().getField(FIX::FIELD::MsgType) != FIX::MsgType_NewOrderSingle) {
      throw FIX::UnsupportedMessageType();
    }
    const std::string order_id = std::to_string(++orders_);
    if (!fills_) {
      FIX44::ExecutionReport report = answer(order, order_id, FIX::ExecType_REJECTED, FIX::OrdStatus_REJECTED);
      report.setField(FIX::LeavesQty(0));
      report.setField(FIX::CumQty(0));
      report.setField(FIX::AvgPx(0));
      report.setField(FIX::OrdRejReason(FIX::OrdRejReason_BROKER_OPTION));
      report.setField(FIX::Text("PriceCollar"));
      FIX::Session::sendToTarget(report, id);
      return;
    }
    FIX44::ExecutionReport taken = answer(order, order_id, FIX::ExecType_NEW, FIX::OrdStatus_NEW);
    taken.setField(FIX::FIELD::LeavesQty, order.getField(FIX::FIELD::OrderQty));
    taken.setField(FIX::CumQty(0));
    taken.setField(FIX::AvgPx(0));
    FIX::Session::sendToTarget(taken, id);
    FIX44::ExecutionReport filled = answer(order, order_id, FIX::ExecType_TRADE, FIX::OrdStatus_FILLED);
    filled.setField(FIX::LeavesQty(0));
    filled.setField(FIX::FIELD::CumQty, order.getField(FIX::FIELD::OrderQty));
    filled.setField(FIX::FIELD::LastQty, order.getField(FIX::FIELD::OrderQty));
    filled.setField(FIX::LastPx(60001));
    filled.setField(FIX::AvgPx(60001));
    filled.setField(FIX::LastMkt("XSIM"));
    FIX::Session::sendToTarget(filled, id);
  }

 private:
  FIX44::ExecutionReport answer(const FIX::Message &order, const std::string &order_id, char type, char status) {
    FIX44::ExecutionReport report;
    report.setField(FIX::OrderID(order_id));
    report.setField(FIX::ExecID(std::to_string(++executions_)));
    report.setField(FIX::ExecType(type));
    report.setField(FIX::OrdStatus(status));
    for (const int tag : {FIX::FIELD::ClOrdID, FIX::FIELD::Symbol, FIX::FIELD::Side, FIX::FIELD::OrderQty,
                          FIX::FIELD::OrdType, FIX::FIELD::Price, FIX::FIELD::TimeInForce}) {
      if (order.isSetField(tag)) report.setField(tag, order.getField(tag));
    }
    report.setField(FIX::TransactTime(FIX::UtcTimeStamp()));
    return report;
  }

  bool fills_;
  unsigned long orders_ = 0;
  unsigned long executions_ = 0;
};

FIX::SessionSettings settings_of(const std::string &port, const std::string &store, const char *dictionary) {
  std::ostringstream text;
  text << "[DEFAULT]\nConnectionType=acceptor\nSocketAcceptPort=" << port << "\nSocketReuseAddress=Y\n"
       << "StartTime=00:00:00\nEndTime=00:00:00\nNonStopSession=Y\nSocketNodelay=Y\n"
       << "MillisecondsInTimeStamp=Y\nPersistMessages=Y\nFileStoreSync=N\n";
  if (store != "memory") text << "FileStorePath=" << store << "\n";
  if (dictionary == nullptr) {
    text << "UseDataDictionary=N\n";
  } else {
    text << "UseDataDictionary=Y\nDataDictionary=" << dictionary << "\n";
  }
  text << "[SESSION]\nBeginString=FIX.4.4\nSenderCompID=RUTTER\nTargetCompID=DESK1\n";
  std::istringstream stream(text.str());
  return FIX::SessionSettings(stream);
}

}  // namespace

int main(int argc, char **argv) {
  if (argc < 5 || argc > 6) {
    std::cerr << "usage: quickfix_acceptor PORT memory|STORE_DIR refuse|fill select|threads [DICTIONARY.xml]\n";
    return 2;
  }
  const std::string store = argv[2], answer = argv[3], loop = argv[4];
  try {
    if (store != "memory") mkdir(store.c_str(), 0777);
    const FIX::SessionSettings settings = settings_of(argv[1], store, argc == 6 ? argv[5] : nullptr);
    Gateway gateway(answer == "fill");
    std::unique_ptr<FIX::MessageStoreFactory> stores;
    if (store == "memory") {
      stores.reset(new FIX::MemoryStoreFactory());
    } else {
      stores.reset(new FIX::FileStoreFactory(settings));
    }
    std::unique_ptr<FIX::Acceptor> acceptor;
    if (loop == "threads") {
      acceptor.reset(new FIX::ThreadedSocketAcceptor(gateway, *stores, settings));
    } else {
      acceptor.reset(new FIX::SocketAcceptor(gateway, *stores, settings));
    }
    acceptor->start();
    std::cout << "listening" << std::endl;
    std::string line;
    while (std::getline(std::cin, line)) {
    }
    acceptor->stop(true);
  } catch (const std::exception &error) {
    std::cerr << "quickfix_acceptor: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
