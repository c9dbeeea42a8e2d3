// HTTP/1.1 requests without a body, as bytes in and a value out (RFC 9112). What we serve is read-only and
// small, so a request is its head: whatever announces a body is refused.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gyre::adapter {

// A request's head, from its first byte to the empty line, is never longer than this.
inline constexpr std::size_t kLargestHttpRequest = 8 * 1024;

struct HttpRequest {
  std::string_view method;  // "GET"
  std::string_view path;    // "/metrics": without query and, in absolute form, without scheme and authority
  bool keep_alive = true;   // the connection may serve another request
};

struct HttpParse {
  // 0: not complete yet; 200: `request` is valid; otherwise the status to refuse with, after which the
  // connection cannot go on (400, 431, 505).
  int status = 0;
  HttpRequest request;
  std::size_t consumed = 0;  // bytes of the head, where status is 200
};

// Parses the request at the beginning of `bytes`, in which the result's views lie. Pure.
HttpParse parse_http_request(std::string_view bytes);

// "OK", "Not Found", …; "Error" for statuses that we do not send.
std::string_view http_reason(int status);
// Status line, headers, body. `date` is an IMF-fixdate; empty: no Date header.
std::string format_http_response(int status, std::string_view content_type, std::string_view body,
                                 bool keep_alive, std::string_view date);

}  // namespace gyre::adapter
