// A small strict reader of Prometheus' text format, written from its documentation and independent of the
// page that it checks.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gyre::test {

struct Sample {
  std::string name;
  std::map<std::string, std::string> labels;
  double value = 0;
};

struct Family {
  std::string type;  // counter, gauge, histogram
  std::string help;
  std::vector<Sample> samples;
};

struct Exposition {
  std::map<std::string, Family> families;
  std::vector<std::string> errors;  // what the format forbids, or a linter of metrics would

  // The sample of this name and these labels; errors grow where it is missing.
  double value(const std::string& name, const std::map<std::string, std::string>& labels = {});
};

Exposition read_exposition(std::string_view text);

}  // namespace gyre::test
