// The console page's files, as tools/embed has put them into the program. The charts are uPlot's, where that
// was there when the build was configured; otherwise the page says so.
#pragma once

#include <string_view>

namespace gyre::adapter {

struct ConsoleAsset {
  std::string_view path, content_type, body;
};

// Null: there is none of this path.
const ConsoleAsset* find_console_asset(std::string_view path);

}  // namespace gyre::adapter
