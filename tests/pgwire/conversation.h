// Golden conversations: text files that say what a client sends and show what both sides put on the wire.
//
//     # a comment
//     >> query "select 1"                                         a step: written by people
//     -> Q 13                                                     all other lines: written by the test
//        51 00 00 00 0d 73 65 6c 65 63 74 20 31 00                |Q....select 1.|
//     <- Z 5 ...
//     == closed
//
// Steps: startup [protocol=M.N] name=value..., ssl_request, gss_enc_request, cancel PID KEY, password P,
// query TEXT, parse NAME TEXT [OID...], bind PORTAL STATEMENT [VALUE|null...] [formats=0,1] [results=0,1],
// describe S|P NAME, execute PORTAL [LIMIT], close S|P NAME, flush, sync, terminate, copy_data TEXT,
// copy_done, copy_fail TEXT, raw HEX... Words are bare or in double quotes, where \n \t \\ \" and \xHH are
// understood.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/base/out_buffer.h"

namespace gyre::test {

// Appends the bytes of one step. Throws std::invalid_argument for a step that nobody understands.
void append_step(OutBuffer& out, std::string_view step);

// The steps of a file, without their ">> ".
std::vector<std::string> read_steps(const std::string& text);

// All client bytes of a file.
std::string client_bytes(const std::string& text);

// Plays the steps against an EchoServer and writes the file anew.
std::string play(const std::string& text);

// Every golden file, sorted; the folder comes from the environment variable GYRE_GOLDEN_DIR.
std::vector<std::filesystem::path> golden_files();
std::string read_file(const std::filesystem::path& path);

}  // namespace gyre::test
