// wal_dump DIR|FILE: the write-ahead log of a data directory, or one of its files, as text. Status 0: it is
// whole, 1: it is not, 64: wrong arguments.
#include <unistd.h>

#include <cstdio>
#include <string>

#include "oracle/wal/dump.h"

int main(int argc, char** argv) {
  if (argc != 2 || argv[1][0] == '-') {
    std::fputs("usage: wal_dump DIR|FILE   (a data directory, its wal directory, or a file of that)\n",
               stderr);
    return 64;
  }
  std::string path = argv[1];
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  if (const std::string inner = path + "/wal"; ::access(inner.c_str(), F_OK) == 0) path = inner;
  gyre::reactor::PosixDisk disk;
  const bool whole = gyre::oracle::wal::dump(
      disk, path, {}, [](std::string_view line) { std::fwrite(line.data(), 1, line.size(), stdout); });
  return whole ? 0 : 1;
}
