// Who we say we are. The version in front is PostgreSQL's whose behaviour we follow: drivers switch features
// on by it.
#pragma once

#include <string_view>

namespace gyre::adapter {

inline constexpr std::string_view kGyreVersion = GYRE_VERSION;  // set by the build
inline constexpr std::string_view kServerVersion = "15.0 (Gyre " GYRE_VERSION ")";
inline constexpr std::string_view kVersionText =
    "PostgreSQL 15.0 (Gyre " GYRE_VERSION ") on x86_64-linux, compiled by g++, 64-bit";

}  // namespace gyre::adapter
