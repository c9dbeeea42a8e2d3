#include "reactor/base/json_writer.h"

#include <gtest/gtest.h>

namespace gyre::test {
namespace {

TEST(JsonWriter, SeparatesAndEscapes) {
  JsonWriter json;
  json.open('{');
  json.field("a", 1);
  json.open("b", '[');
  json.value(std::uint64_t{18446744073709551615u});
  json.value(std::int64_t{-1});
  json.value(std::string("x\"\\\n\r\t\b\f\x01\x1f{[é"));
  json.open('{');
  json.close('}');
  json.close(']');
  json.field("c", "");
  json.field("d", false);
  json.field("e\n", 2.0 / 3);
  json.close('}');
  EXPECT_EQ(
      json.take(),
      R"({"a":1,"b":[18446744073709551615,-1,"x\"\\\n\r\t\b\f\u0001\u001f{[é",{}],"c":"","d":false,"e\n":0.667})");
}

TEST(JsonWriter, Indents) {
  JsonWriter json(JsonWriter::Layout::indented);
  json.open('[');
  json.open('{');
  json.field("a", "b");
  json.open("c", '[');
  json.value(1);
  json.value(2);
  json.close(']');
  json.open("d", '{');
  json.close('}');
  json.close('}');
  json.value(3);
  json.close(']');
  EXPECT_EQ(json.take(), R"([
  {
    "a": "b",
    "c": [
      1,
      2
    ],
    "d": {}
  },
  3
])");
}

}  // namespace
}  // namespace gyre::test
