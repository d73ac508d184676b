// QuickFIX's codec on the messages of `benches/support/fix.rs`: decoding with validation of a NewOrderSingle by
// a data dictionary, and encoding of an ExecutionReport. Prints one JSON line a kind, nanoseconds are the medians
// of slices. `make bench` builds and runs it where libquickfix-dev is installed.
//
//   quickfix_codec DICTIONARY.xml

#include <quickfix/DataDictionary.h>
#include <quickfix/Message.h>
#include <quickfix/fix44/ExecutionReport.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

static std::string order() {
  FIX::Message message;
  message.getHeader().setField(8, "FIX.4.4");
  message.getHeader().setField(35, "D");
  message.getHeader().setField(49, "DESK01");
  message.getHeader().setField(56, "RUTTER");
  message.getHeader().setField(34, "21487");
  message.getHeader().setField(52, "20240627-11:17:26.100");
  const std::pair<int, const char *> fields[] = {
      {11, "rt-0000021487"}, {1, "FUND"}, {21, "1"}, {55, "BTC/USD"}, {54, "1"},
      {60, "20240627-11:17:26.100"}, {38, "0.25"}, {40, "2"}, {44, "60000.50"}, {59, "3"}};
  for (const auto &field : fields) message.setField(field.first, field.second);
  return message.toString();
}

static size_t decode(const std::string &text, const FIX::DataDictionary &dictionary) {
  FIX::Message message;
  message.setString(text, true, &dictionary, &dictionary);
  dictionary.validate(message);
  return message.getField(44).size();
}

// Values are given as text, as for the other peer: what is timed is the message, not the numbers.
static size_t encode(unsigned long sequence) {
  FIX44::ExecutionReport message;
  message.getHeader().setField(34, std::to_string(sequence));
  message.getHeader().setField(49, "RUTTER");
  message.getHeader().setField(52, "20240627-11:17:26.100");
  message.getHeader().setField(56, "DESK01");
  const std::pair<int, const char *> fields[] = {
      {37, "987654"}, {11, "rt-0000021487"}, {150, "F"}, {39, "2"}, {1, "FUND"}, {55, "BTC/USD"},
      {54, "1"}, {38, "0.25"}, {40, "2"}, {44, "60000.50"}, {59, "3"}, {32, "0.25"},
      {31, "60000.50"}, {151, "0.00"}, {14, "0.25"}, {6, "60000.50"}, {60, "20240627-11:17:26.100"}};
  message.setField(17, std::to_string(sequence));
  for (const auto &field : fields) message.setField(field.first, field.second);
  return message.toString().size();
}

template <typename Work> static void measure(const char *name, Work work) {
  using clock = std::chrono::steady_clock;
  const unsigned long each = 20000;
  std::vector<double> slices;
  size_t kept = 0;
  for (unsigned long slice = 0; slice < 25; ++slice) {
    const auto start = clock::now();
    for (unsigned long n = 0; n < each; ++n) kept += work(slice * each + n);
    const std::chrono::duration<double, std::nano> took = clock::now() - start;
    slices.push_back(took.count() / each);
  }
  std::sort(slices.begin(), slices.end());
  std::printf("{\"name\":\"%s\",\"slices\":%zu,\"ns\":%.1f,\"ns_min\":%.1f,\"ns_max\":%.1f,\"kept\":%zu}\n", name,
              slices.size(), slices[slices.size() / 2], slices.front(), slices.back(), kept);
}

int main(int count, char **arguments) {
  if (count != 2) {
    std::fprintf(stderr, "quickfix_codec DICTIONARY.xml\n");
    return 2;
  }
  try {
    const FIX::DataDictionary dictionary{std::string(arguments[1])};
    const std::string text = order();
    measure("quickfix_decode_order", [&](unsigned long) { return decode(text, dictionary); });
    measure("quickfix_encode_report", [](unsigned long n) { return encode(n); });
  } catch (const std::exception &error) {
    std::fprintf(stderr, "quickfix_codec: %s\n", error.what());
    return 1;
  }
}
