#include "tests/pgwire/conversation.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "pgwire/client_messages.h"
#include "pgwire/client_reader.h"
#include "pgwire/framer.h"
#include "tests/pgwire/echo_server.h"

namespace gyre::test {

namespace client = pgwire::client;
using pgwire::Format;
using pgwire::TargetKind;

namespace {

constexpr std::size_t kBytesPerLine = 16;

char unescape(std::string_view text, std::size_t& at) {
  const char code = text.at(++at);
  switch (code) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'x': {
      const std::string digits(text.substr(at + 1, 2));
      at += 2;
      return static_cast<char>(std::stoi(digits, nullptr, 16));
    }
    default:
      return code;
  }
}

std::vector<std::string> split_words(std::string_view step) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < step.size();) {
    if (step[at] == ' ') {
      ++at;
      continue;
    }
    std::string& word = words.emplace_back();
    bool quoted = false;
    for (; at < step.size() && (quoted || step[at] != ' '); ++at) {
      if (step[at] == '"')
        quoted = !quoted;
      else
        word += quoted && step[at] == '\\' ? unescape(step, at) : step[at];
    }
  }
  return words;
}

std::vector<Format> parse_formats(std::string_view list) {
  std::vector<Format> formats;
  std::istringstream in{std::string(list)};
  for (std::string item; std::getline(in, item, ',');)
    formats.push_back(static_cast<Format>(std::stoi(item)));
  return formats;
}

std::uint32_t number(const std::string& word) {
  return static_cast<std::uint32_t>(std::stoll(word));
}

void append_startup(OutBuffer& out, const std::vector<std::string>& words) {
  std::vector<client::StartupParameter> parameters;
  std::uint32_t version = 3u << 16;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const std::size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    const std::string_view value = word.substr(equals + 1);
    const std::size_t dot = value.find('.');
    if (name == "protocol")
      version = number(std::string(value.substr(0, dot))) << 16 | number(std::string(value.substr(dot + 1)));
    else
      parameters.emplace_back(name, value);
  }
  client::startup(out, parameters, version);
}

void append_bind(OutBuffer& out, const std::vector<std::string>& words) {
  std::vector<client::OptionalValue> values;
  std::vector<Format> formats;
  std::vector<Format> results;
  for (std::size_t i = 3; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word.starts_with("formats="))
      formats = parse_formats(word.substr(8));
    else if (word.starts_with("results="))
      results = parse_formats(word.substr(8));
    else if (word == "null")
      values.emplace_back();
    else
      values.emplace_back(word);
  }
  client::bind(out, words.at(1), words.at(2), values, formats, results);
}

void append_parse(OutBuffer& out, const std::vector<std::string>& words) {
  std::vector<std::uint32_t> oids;
  for (std::size_t i = 3; i < words.size(); ++i) oids.push_back(number(words[i]));
  client::parse(out, words.at(1), words.at(2), oids);
}

std::string hex_lines(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (std::size_t start = 0; start < bytes.size(); start += kBytesPerLine) {
    std::string hex;
    std::string text;
    for (const char byte : bytes.substr(start, kBytesPerLine)) {
      const auto value = static_cast<unsigned char>(byte);
      hex += {kDigits[value >> 4], kDigits[value & 15], ' '};
      text += value >= 32 && value < 127 ? byte : '.';
    }
    hex.resize(kBytesPerLine * 3, ' ');
    out += "   " + hex + '|' + text + "|\n";
  }
  return out;
}

std::string dump_answers(std::string_view bytes) {
  std::string out;
  std::span<const char> rest(bytes);
  if (!rest.empty() && rest[0] == 'N' && rest.size() == 1) return "<- the byte N\n";
  while (true) {
    const std::string_view before(rest.data(), rest.size());
    const pgwire::FrameResult result = client::next_backend_message(rest);
    if (result.status != pgwire::FrameStatus::complete) return out + hex_lines(before);
    out += std::string("<- ") + result.frame.type + ' ' + std::to_string(result.frame.total - 1) + '\n';
    out += hex_lines(before.substr(0, result.frame.total));
  }
}

}  // namespace

void append_step(OutBuffer& out, std::string_view step) {
  const std::vector<std::string> words = split_words(step);
  const std::string& verb = words.at(0);
  const auto target = [&] { return words.at(1) == "S" ? TargetKind::statement : TargetKind::portal; };
  if (verb == "startup")
    append_startup(out, words);
  else if (verb == "ssl_request")
    client::ssl_request(out);
  else if (verb == "gss_enc_request")
    client::gss_enc_request(out);
  else if (verb == "cancel")
    client::cancel_request(out, number(words.at(1)), number(words.at(2)));
  else if (verb == "password")
    client::password(out, words.at(1));
  else if (verb == "query")
    client::query(out, words.at(1));
  else if (verb == "parse")
    append_parse(out, words);
  else if (verb == "bind")
    append_bind(out, words);
  else if (verb == "describe")
    client::describe(out, target(), words.at(2));
  else if (verb == "execute")
    client::execute(out, words.at(1), words.size() > 2 ? static_cast<std::int32_t>(number(words[2])) : 0);
  else if (verb == "close")
    client::close(out, target(), words.at(2));
  else if (verb == "flush")
    client::flush(out);
  else if (verb == "sync")
    client::sync(out);
  else if (verb == "terminate")
    client::terminate(out);
  else if (verb == "copy_data")
    client::copy_data(out, words.at(1));
  else if (verb == "copy_done")
    client::copy_done(out);
  else if (verb == "copy_fail")
    client::copy_fail(out, words.at(1));
  else if (verb == "raw")
    for (std::size_t i = 1; i < words.size(); ++i)
      out.append_byte(static_cast<char>(std::stoi(words[i], nullptr, 16)));
  else
    throw std::invalid_argument("unknown step: " + std::string(step));
}

std::vector<std::string> read_steps(const std::string& text) {
  std::vector<std::string> steps;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(">> ")) steps.push_back(line.substr(3));
  return steps;
}

std::string client_bytes(const std::string& text) {
  OutBuffer out;
  for (const std::string& step : read_steps(text)) append_step(out, step);
  return std::string(out.view());
}

std::string play(const std::string& text) {
  std::string written;
  EchoServer server;
  bool after_comment = false;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    const bool comment = line.starts_with('#');
    if (!comment && !line.starts_with(">> ")) continue;
    if (!written.empty() && !after_comment) written += '\n';
    after_comment = comment;
    if (comment) {
      written += line + '\n';
      continue;
    }
    OutBuffer bytes;
    append_step(bytes, std::string_view(line).substr(3));
    written += line + "\n-> " + std::to_string(bytes.size()) + " bytes\n" + hex_lines(bytes.view());
    server.receive({bytes.data(), bytes.size()});
    written += dump_answers(server.out().view());
    server.out().clear();
    for (const std::string& event : server.events()) written += "== " + event + '\n';
    server.clear_events();
  }
  return written;
}

std::vector<std::filesystem::path> golden_files() {
  const char* folder = std::getenv("GYRE_GOLDEN_DIR");
  if (folder == nullptr) throw std::runtime_error("GYRE_GOLDEN_DIR is not set");
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace gyre::test
