#include "adapter/http/http_request.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/reactor/seed.h"

namespace gyre::test {
namespace {

using adapter::HttpParse;
using adapter::kLargestHttpRequest;
using adapter::parse_http_request;

int status_of(std::string_view text) {
  return parse_http_request(text).status;
}

TEST(HttpRequest, IsParsed) {
  const std::string_view text = "GET /metrics?a=b#c HTTP/1.1\r\nHost: here\r\nAccept: */*\r\n\r\nGET";
  const HttpParse parse = parse_http_request(text);
  ASSERT_EQ(parse.status, 200);
  EXPECT_EQ(parse.request.method, "GET");
  EXPECT_EQ(parse.request.path, "/metrics");
  EXPECT_TRUE(parse.request.keep_alive);
  EXPECT_EQ(parse.consumed, text.size() - 3);
}

TEST(HttpRequest, PathOfAbsoluteTargets) {
  const auto path = [](const std::string& target) {
    return std::string(parse_http_request("GET " + target + " HTTP/1.0\r\n\r\n").request.path);
  };
  EXPECT_EQ(path("http://a:1/x?y"), "/x");
  EXPECT_EQ(path("http://a"), "/");
  EXPECT_EQ(path("http://a?/x"), "/");
  EXPECT_EQ(path("/a://b"), "/a://b");
}

TEST(HttpRequest, KeepAlive) {
  const auto keep_alive = [](const char* text) {
    const HttpParse parse = parse_http_request(text);
    EXPECT_EQ(parse.status, 200) << text;
    return parse.request.keep_alive;
  };
  EXPECT_TRUE(keep_alive("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_FALSE(keep_alive("GET / HTTP/1.1\r\nHost: a\r\nConnection: x , CLOSE\r\n\r\n"));
  EXPECT_FALSE(keep_alive("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keep_alive("GET / HTTP/1.0\r\nconnection:keep-alive\r\n\r\n"));
  EXPECT_FALSE(keep_alive("GET / HTTP/1.0\nConnection: keep-alive\nConnection: close\n\n"));
}

TEST(HttpRequest, Refusals) {
  for (const char* wrong :
       {"GET\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/1\r\n\r\n", "GET / http/1.1\r\nHost: a\r\n\r\n",
        "GET  HTTP/1.1\r\nHost: a\r\n\r\n", "GET x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / x HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nnothing\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\x01\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        "G\tT / HTTP/1.1\r\nHost: a\r\n\r\n", "\x16\x03\x01"})
    EXPECT_EQ(status_of(wrong), 400) << wrong;
  EXPECT_EQ(status_of(std::string_view("\0\0\0\x08", 4)), 400);
  EXPECT_EQ(status_of("GET / HTTP/2.0\r\n\r\n"), 505);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"),
            200);  // refused by its method
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"), 200);
}

TEST(HttpRequest, SizeIsBounded) {
  const std::string start = "GET / HTTP/1.0\r\nX: ";
  const std::string largest = start + std::string(kLargestHttpRequest - start.size() - 4, 'x') + "\r\n\r\n";
  ASSERT_EQ(largest.size(), kLargestHttpRequest);
  EXPECT_EQ(status_of(largest), 200);
  EXPECT_EQ(status_of(largest.substr(0, kLargestHttpRequest - 1)), 0);
  EXPECT_EQ(status_of(start + std::string(kLargestHttpRequest, 'x')), 431);
  EXPECT_EQ(status_of(start + std::string(kLargestHttpRequest, 'x') + "\r\n\r\n"), 431);
  EXPECT_EQ(status_of(std::string(kLargestHttpRequest + 1, '\n')), 431);
}

// In whatever pieces it comes, a request is incomplete until its last byte and then the same.
TEST(HttpRequest, PiecesMakeNoDifference) {
  for (const std::string text :
       {"GET /metrics HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n", "\r\n\nGET /x HTTP/1.0\n\n"}) {
    for (std::size_t size = 0; size < text.size(); ++size)
      EXPECT_EQ(status_of(std::string_view(text).substr(0, size)), 0) << size;
    EXPECT_EQ(status_of(text), 200);
    EXPECT_EQ(parse_http_request(text + "rest").consumed, text.size());
  }
}

// What is refused is refused in the same way whether it comes whole or a byte at a time.
TEST(HttpRequest, RefusalsDoNotDependOnPieces) {
  const std::string long_line(kLargestHttpRequest, 'x');
  const std::string texts[] = {"@" + long_line,
                               "\x16\x03\x01" + long_line + "\r\n\r\n",
                               "\r" + long_line,
                               "\r\n\n@\r\n\r\n",
                               std::string(kLargestHttpRequest - 1, '\n') + "@",
                               std::string(kLargestHttpRequest, '\n') + "@",
                               std::string(kLargestHttpRequest - 1, '\n') + "\r\n",
                               "x" + long_line + "\r\n\r\n"};
  for (const std::string& text : texts) {
    int in_pieces = 0;
    for (std::size_t size = 1; size <= text.size() && in_pieces == 0; ++size)
      in_pieces = status_of(std::string_view(text).substr(0, size));
    EXPECT_NE(in_pieces, 0) << text.substr(0, 8);
    EXPECT_EQ(in_pieces, status_of(text)) << text.substr(0, 8);
  }
}

TEST(HttpRequest, GarbageNeverSucceedsOutOfBounds) {
  const std::uint64_t seed = test_seed(3);
  SCOPED_TRACE(seed_note(seed));
  std::mt19937_64 random(seed);
  const std::string_view words[] = {"GET ",     "/",    " ",
                                    "HTTP/1.1", "\r\n", "\n",
                                    "Host: a",  ":",    std::string_view("\0", 1),
                                    "x",        "\r",   "Connection: close"};
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (std::uint64_t i = random() % 12; i > 0; --i) text += words[random() % std::size(words)];
    const HttpParse parse = parse_http_request(text);
    if (parse.status != 200) continue;
    ASSERT_LE(parse.consumed, text.size());
    ASSERT_EQ(parse_http_request(std::string_view(text).substr(0, parse.consumed)).status, 200);
  }
}

TEST(HttpResponse, IsFormatted) {
  const std::string answer = adapter::format_http_response(200, "text/plain", "hi", true, "");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\nConnection: keep-alive\r\n\r\nhi")) << answer;
  for (const char* line : {"\r\nContent-Security-Policy: default-src 'none'; script-src 'self';", "\r\nX-Content-Type-Options: nosniff\r\n",
                           "\r\nCache-Control: no-store\r\n"})
    EXPECT_NE(answer.find(line), std::string::npos) << line;
  EXPECT_EQ(answer.find("unsafe"), std::string::npos);
  const std::string refusal = adapter::format_http_response(405, "text/plain", "", false, "now");
  EXPECT_TRUE(refusal.starts_with("HTTP/1.1 405 Method Not Allowed\r\nDate: now\r\nAllow: GET\r\n"));
  EXPECT_TRUE(refusal.ends_with("Connection: close\r\n\r\n"));
}

}  // namespace
}  // namespace gyre::test
