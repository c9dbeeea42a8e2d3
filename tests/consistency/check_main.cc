// consistency_check --model MODEL FILE...: judges histories in EDN. Prints what each forbids, and `N passed,
// N failed`.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <set>

#include "tests/consistency/checker.h"

using namespace gyre::consistency;

namespace {

// Whether the history in a file is one that the model allows.
bool judge(const char* path, Model model, bool verbose) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot be read");
  const History history = parse_edn(std::string(std::istreambuf_iterator<char>(file), {}));
  std::size_t counts[3] = {};
  for (const Transaction& transaction : history) ++counts[static_cast<int>(transaction.outcome)];
  std::set<std::string> forbidden, allowed;
  for (const Finding& finding : find_anomalies(history)) {
    const bool wrong = forbids(model, finding);
    if (wrong && verbose && !forbidden.contains(name(finding)))
      std::printf("  %s: %.600s\n", name(finding).c_str(), finding.text.c_str());
    (wrong ? forbidden : allowed).insert(name(finding));
  }
  std::printf("%s: %zu ok, %zu failed, %zu unknown; %.*s: %s", path, counts[0], counts[1], counts[2],
              static_cast<int>(name(model).size()), name(model).data(),
              forbidden.empty() ? "valid" : "INVALID");
  for (const std::string& each : forbidden) std::printf(" %s", each.c_str());
  if (!allowed.empty()) std::printf("; allowed:");
  for (const std::string& each : allowed) std::printf(" %s", each.c_str());
  std::printf("\n");
  return forbidden.empty();
}

}  // namespace

int main(int argc, char** argv) {
  Model model = Model::strict_serializable;
  int passed = 0, failed = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--model" && i + 1 < argc) {
      const auto named = model_named(argv[++i]);
      if (!named) return std::fprintf(stderr, "consistency_check: no model '%s'\n", argv[i]), 64;
      model = *named;
      continue;
    }
    try {
      ++(judge(argv[i], model, true) ? passed : failed);
    } catch (const std::exception& error) {
      std::printf("%s: %s\n", argv[i], error.what());
      ++failed;
    }
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
