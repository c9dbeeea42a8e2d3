// wal_dump [--content] [--rows=N] DIR|FILE: the write-ahead log of a data directory, or one of its files, as
// text. Status 0: it is whole, 1: it is not, 64: wrong arguments.
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <string>
#include <string_view>

#include "adapter/catalog/codec.h"
#include "adapter/durability/commit_sections.h"
#include "adapter/durability/data_directory.h"
#include "adapter/durability/record_text.h"
#include "oracle/wal/dump.h"
#include "storage/checkpoint.h"

namespace {

using gyre::adapter::AdapterSection;
using gyre::adapter::Catalog;
using gyre::adapter::DataDirectory;
using gyre::adapter::RecordText;

constexpr const char* kUsage =
    "usage: wal_dump [--content] [--rows=N] DIR|FILE\n"
    "\n"
    "DIR is a data directory or its wal directory, FILE a file of that. --content shows what each record "
    "says:\n"
    "definitions, and of each table N rows at most (10). Names of tables that are older than the log come "
    "from\n"
    "the oldest checkpoint, which is read for that; with a FILE alone they are numbers.\n";

struct Arguments {
  std::string path;
  bool content = false;
  std::size_t rows = 10;
};

bool read_arguments(int argc, char** argv, Arguments& arguments) {
  constexpr std::string_view kRows = "--rows=";
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--content") {
      arguments.content = true;
    } else if (word.starts_with(kRows)) {
      const char* const end = word.data() + word.size();
      const auto [stop, error] = std::from_chars(word.data() + kRows.size(), end, arguments.rows);
      if (error != std::errc() || stop != end) return false;
    } else if (word.empty() || word[0] == '-' || !arguments.path.empty()) {
      return false;
    } else {
      arguments.path = word;
    }
  }
  while (arguments.path.size() > 1 && arguments.path.back() == '/') arguments.path.pop_back();
  return !arguments.path.empty();
}

// What tables are called, as the oldest checkpoint has it that can be read: the log goes on from there.
void learn_names(gyre::reactor::Disk& disk, const std::string& path, RecordText& text) {
  const DataDirectory directory(disk, path);
  const auto checkpoints = directory.checkpoints();
  if (!checkpoints) return;
  for (auto timestamp = checkpoints->rbegin(); timestamp != checkpoints->rend(); ++timestamp) {
    auto read = gyre::storage::read_checkpoint(disk, directory.checkpoint_path(*timestamp), {});
    if (!read) continue;
    gyre::storage::free_database(std::move(read->database));
    Catalog catalog;
    if (apply_catalog_change(read->section(number_of(AdapterSection::catalog)), catalog) ==
        gyre::Decoding::ok)
      return text.begin_with(std::move(catalog));
  }
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!read_arguments(argc, argv, arguments)) {
    std::fputs(kUsage, stderr);
    return 64;
  }
  gyre::reactor::PosixDisk disk;
  RecordText text(arguments.rows);
  std::string path = arguments.path;
  if (const std::string inner = path + "/wal"; ::access(inner.c_str(), F_OK) == 0) {
    if (arguments.content) learn_names(disk, path, text);
    path = inner;
  }
  gyre::oracle::wal::DescribeBody describe;
  if (arguments.content) describe = [&](std::string_view body) { return text.describe(body); };
  const bool whole = gyre::oracle::wal::dump(
      disk, path, describe, [](std::string_view line) { std::fwrite(line.data(), 1, line.size(), stdout); });
  return whole ? 0 : 1;
}
