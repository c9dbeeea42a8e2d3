// The parser looks for the empty line first and at the grammar only when it is there, so a request that comes
// in pieces costs one more search per piece, which 8 KiB bound. Lines may end in LF alone (RFC 9112, 2.2).
// Where RFC 9112 lets a server choose between repairing and refusing, we refuse: whatever two parsers could
// understand in two ways (a body on GET, two Host fields, blanks before a colon, folded lines) is a 400.
#include "adapter/http/http_request.h"

#include <algorithm>
#include <optional>

namespace gyre::adapter {

namespace {

constexpr int kIncomplete = 0, kOk = 200, kBadRequest = 400, kHeadTooLarge = 431, kVersionUnknown = 505;

bool is_token_char(char c) {
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}
bool is_visible(char c) {
  return c > ' ' && c != 0x7f;  // bytes above 0x7f are negative
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}
std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Takes the first line, without its end, off `rest`; nothing where there is no whole line.
std::optional<std::string_view> take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// What of the target names the resource; empty where it is no path.
std::string_view path_of(std::string_view target) {
  if (!std::all_of(target.begin(), target.end(), is_visible)) return {};
  if (const std::size_t scheme = target.find("://");
      !target.starts_with('/') && scheme != std::string_view::npos) {
    const std::size_t slash = target.find_first_of("/?", scheme + 3);
    if (slash == std::string_view::npos || target[slash] == '?') return "/";
    target.remove_prefix(slash);
  }
  target = target.substr(0, target.find_first_of("?#"));
  return target.starts_with('/') ? target : std::string_view();
}

struct Head {
  int status = kOk;
  HttpRequest request;
  bool http_1_0 = false;
  int hosts = 0;
};

int parse_request_line(std::string_view line, Head& head) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return kBadRequest;
  head.request.method = line.substr(0, first);
  head.request.path = path_of(line.substr(first + 1, last - first - 1));
  const std::string_view version = line.substr(last + 1);
  if (!is_token(head.request.method)) return kBadRequest;
  const bool well_formed = version.size() == 8 && version.starts_with("HTTP/") && version[6] == '.' &&
                           version[5] >= '0' && version[5] <= '9' && version[7] >= '0' && version[7] <= '9';
  if (!well_formed) return kBadRequest;
  if (version[5] != '1') return kVersionUnknown;
  head.http_1_0 = version[7] == '0';
  head.request.keep_alive = !head.http_1_0;
  // "OPTIONS *" and "CONNECT host:port" have no path; they are refused for their method, if well formed.
  if (head.request.path.empty() && head.request.method == "GET") return kBadRequest;
  return kOk;
}

void apply_connection_options(std::string_view value, Head& head) {
  while (!value.empty()) {
    const std::size_t comma = value.find(',');
    const std::string_view option = trim(value.substr(0, comma));
    value = comma == std::string_view::npos ? std::string_view() : value.substr(comma + 1);
    if (same_ignoring_case(option, "close")) head.request.keep_alive = false;
    if (same_ignoring_case(option, "keep-alive") && head.http_1_0) head.request.keep_alive = true;
  }
}

int parse_field(std::string_view line, Head& head) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return kBadRequest;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trim(line.substr(colon + 1));
  for (const char c : value)
    if (c == '\r' || c == '\0' || c == 0x7f || (c >= 0 && c < ' ' && c != '\t')) return kBadRequest;
  if (same_ignoring_case(name, "host")) ++head.hosts;
  if (same_ignoring_case(name, "connection")) apply_connection_options(value, head);
  const bool get = head.request.method == "GET";  // bodies of other methods are refused with the method
  if (get && same_ignoring_case(name, "transfer-encoding")) return kBadRequest;
  if (get && same_ignoring_case(name, "content-length") && value != "0") return kBadRequest;
  return kOk;
}

int parse_head(std::string_view rest, Head& head) {
  const std::optional<std::string_view> request_line = take_line(rest);
  if (!request_line) return kBadRequest;
  if (const int status = parse_request_line(*request_line, head); status != kOk) return status;
  for (auto line = take_line(rest); line && !line->empty(); line = take_line(rest))
    if (const int status = parse_field(*line, head); status != kOk) return status;
  if (head.hosts > 1 || (head.hosts == 0 && !head.http_1_0)) return kBadRequest;
  return kOk;
}

// One past the empty line that ends the head; npos where it has not come yet. `bytes` does not begin with an
// empty line.
std::size_t end_of_head(std::string_view bytes) {
  for (std::size_t end = bytes.find('\n'); end != std::string_view::npos; end = bytes.find('\n', end + 1)) {
    const std::string_view next = bytes.substr(end + 1, 2);
    if (next.starts_with('\n')) return end + 2;
    if (next == "\r\n") return end + 3;
  }
  return std::string_view::npos;
}

}  // namespace

HttpParse parse_http_request(std::string_view bytes) {
  // Empty lines before a request are passed over, as some clients send one after a body.
  std::size_t skipped = 0;
  while (true) {
    const std::string_view rest = bytes.substr(skipped, 2);
    if (rest.starts_with('\n'))
      skipped += 1;
    else if (rest == "\r\n")
      skipped += 2;
    else
      break;
    if (skipped >= kLargestHttpRequest) return {.status = kHeadTooLarge};
  }
  const std::string_view text = bytes.substr(skipped);
  // Whoever speaks another protocol (TLS, PostgreSQL's) is told at once, not when time runs out. The first byte
  // decides before any length does, so that the answer is the same in whatever pieces the bytes come.
  if (!text.empty() && text != "\r" && !is_token_char(text.front())) return {.status = kBadRequest};
  const std::size_t end = end_of_head(text);
  if (end == std::string_view::npos)
    return {.status = bytes.size() >= kLargestHttpRequest ? kHeadTooLarge : kIncomplete};
  if (skipped + end > kLargestHttpRequest) return {.status = kHeadTooLarge};
  Head head;
  const int status = parse_head(text.substr(0, end), head);
  if (status != kOk) return {.status = status};
  return {.status = kOk, .request = head.request, .consumed = skipped + end};
}

std::string_view http_reason(int status) {
  switch (status) {
    case kOk:
      return "OK";
    case kBadRequest:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case kHeadTooLarge:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    case kVersionUnknown:
      return "HTTP Version Not Supported";
    default:
      return "Error";
  }
}

namespace {
// A page may load from this server alone, and nobody else may frame or reinterpret what it serves. Figures are
// of the moment, and a newer server has newer scripts: nothing is kept.
constexpr std::string_view kSafety =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Cache-Control: no-store\r\n";
}  // namespace

std::string format_http_response(int status, std::string_view content_type, std::string_view body,
                                 bool keep_alive, std::string_view date) {
  std::string text;
  text.reserve(body.size() + 256);
  const auto line = [&](std::string_view name, std::string_view value) {
    text.append(name).append(": ").append(value).append("\r\n");
  };
  text.append("HTTP/1.1 ")
      .append(std::to_string(status))
      .append(" ")
      .append(http_reason(status))
      .append("\r\n");
  if (!date.empty()) line("Date", date);
  if (status == 405) line("Allow", "GET");
  line("Content-Type", content_type);
  line("Content-Length", std::to_string(body.size()));
  text.append(kSafety);
  line("Connection", keep_alive ? "keep-alive" : "close");
  text.append("\r\n").append(body);
  return text;
}

}  // namespace gyre::adapter
