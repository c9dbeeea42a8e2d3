// A query with changing values is assembled from steps each time it is sent: copies of constant pieces,
// digits between them, length words patched afterwards. That costs about 20 ns, and the server sees what a
// client that formats its statements would send: lengths that vary, no padding.
#include "perf/bench/request.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "pgwire/client_messages.h"

namespace gyre::perf {

namespace {

// The {low:high} that begins at `at`, and how long it is.
std::optional<std::pair<IntegerRange, std::size_t>> range_at(std::string_view text, std::size_t at) {
  if (text[at] != '{') return std::nullopt;
  const std::size_t end = text.find('}', at);
  if (end == std::string_view::npos) return std::nullopt;
  const auto range = parse_range(text.substr(at + 1, end - at - 1));
  if (!range) return std::nullopt;
  return std::pair{*range, end - at + 1};
}

bool has_range(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (range_at(text, i)) return true;
  }
  return false;
}

std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

}  // namespace

std::uint32_t parameter_count(std::string_view query) {
  std::uint32_t highest = 0;
  for (std::size_t i = query.find('$'); i != std::string_view::npos; i = query.find('$', i + 1)) {
    std::uint32_t number = 0;
    std::from_chars(query.data() + i + 1, query.data() + query.size(), number);
    highest = std::max(highest, number);
  }
  return highest;
}

ValueSource::ValueSource(const Job& job, std::uint64_t seed, std::uint32_t part, std::uint32_t parts)
    : job_(&job),
      state_(mix(seed + 0x9e3779b97f4a7c15u * (part + 1)) | 1),
      part_(part),
      parts_(parts),
      row_(job.argument_rows.empty() ? 0 : part % job.argument_rows.size()) {}

std::int64_t ValueSource::next(const IntegerRange& range, std::uint64_t& position) {
  const std::uint64_t width =
      static_cast<std::uint64_t>(range.high) - static_cast<std::uint64_t>(range.low) + 1;
  std::uint64_t offset = 0;
  if (range.sequential) {
    offset = width == 0 ? position : position % width;
    position += parts_;
  } else {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    // The high word of the product is uniform below `width` up to one part in 2^64 / width.
    __extension__ using Wide = unsigned __int128;
    offset = width == 0 ? state_ : static_cast<std::uint64_t>((static_cast<Wide>(state_) * width) >> 64);
  }
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(range.low) + offset);
}

class RequestBuilder {
 public:
  Request take() {
    if (request_.constant_) {
      // No values: the steps are carried out once, here.
      OutBuffer out;
      const Job none;
      ValueSource values(none, 0, 0, 1);
      request_.append_to(out, values);
      request_.bytes_ = std::string(out.view());
      request_.steps_.clear();
    }
    return std::move(request_);
  }

  void bytes(std::string_view bytes) {
    if (bytes.empty()) return;
    const auto begin = static_cast<std::uint32_t>(request_.bytes_.size());
    request_.bytes_ += bytes;
    if (!request_.steps_.empty() && request_.steps_.back().piece == Request::Piece::bytes) {
      request_.steps_.back().size += static_cast<std::uint32_t>(bytes.size());
    } else {
      request_.steps_.push_back({Request::Piece::bytes, begin, static_cast<std::uint32_t>(bytes.size())});
    }
  }
  void text(std::string_view text) {
    std::size_t begin = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto range = range_at(text, i);
      if (!range) continue;
      bytes(text.substr(begin, i - begin));
      value(Request::Piece::digits, range->first);
      i += range->second - 1;
      begin = i + 1;
    }
    bytes(text.substr(begin));
  }
  void zero_ended(std::string_view content) {
    text(content);
    bytes(std::string_view("\0", 1));
  }
  void u16(std::uint16_t value) {
    const char pair[] = {static_cast<char>(value >> 8), static_cast<char>(value & 255)};
    bytes({pair, 2});
  }
  void open(char type) {
    bytes({&type, 1});
    request_.steps_.push_back({Request::Piece::open});
  }
  void close() { request_.steps_.push_back({Request::Piece::close}); }
  void value(Request::Piece piece, const IntegerRange& range) {
    request_.constant_ = false;
    request_.steps_.push_back({piece, static_cast<std::uint32_t>(request_.ranges_.size())});
    request_.ranges_.push_back(range);
  }
  void column(std::uint32_t index) {
    request_.constant_ = false;
    request_.steps_.push_back({Request::Piece::column, index});
  }
  void next_row() { request_.steps_.push_back({Request::Piece::next_row}); }

  void parse(std::string_view query) {
    open('P');
    bytes(std::string_view("\0", 1));
    zero_ended(query);
    u16(0);
    close();
  }
  void bind(const Job& job, std::string_view statement, std::uint32_t parameters) {
    open('B');
    bytes(std::string_view("\0", 1));
    bytes(statement);
    bytes(std::string_view("\0", 1));
    u16(0);
    u16(static_cast<std::uint16_t>(parameters));
    for (std::uint32_t i = 0; i < parameters; ++i) {
      if (job.argument_rows.empty()) {
        value(Request::Piece::parameter, job.random_arguments[i]);
      } else {
        column(i);
      }
    }
    u16(0);
    close();
    if (parameters != 0 && !job.argument_rows.empty()) next_row();
  }

 private:
  Request request_;
};

Result<Request, std::string> Request::create(const Job& job, std::string_view query, Protocol protocol,
                                             std::string_view statement) {
  const auto complain = [&](const std::string& what) {
    return Unexpected<std::string>{"job [" + job.name + "]: " + what};
  };
  const std::uint32_t parameters = parameter_count(query);
  const std::size_t offered =
      job.argument_rows.empty() ? job.random_arguments.size() : job.argument_rows[0].size();
  RequestBuilder builder;
  if (protocol == Protocol::simple) {
    if (job.has_arguments()) return complain("arguments need --protocol extended or prepared");
    builder.open('Q');
    builder.zero_ended(query);
    builder.close();
    return builder.take();
  }
  if (parameters > offered)
    return complain("the query has " + std::to_string(parameters) + " parameters, there are arguments for " +
                    std::to_string(offered));
  if (protocol == Protocol::prepared && has_range(query))
    return complain("a {low:high} in the text changes the statement; give it as $1 and query-args-random");
  OutBuffer tail;
  if (protocol == Protocol::extended) {
    builder.parse(query);
    builder.bind(job, "", parameters);
    pgwire::client::describe(tail, pgwire::TargetKind::portal, "");
  } else {
    builder.bind(job, statement, parameters);
  }
  pgwire::client::execute(tail, "");
  pgwire::client::sync(tail);
  builder.bytes(tail.view());
  return builder.take();
}

void Request::append_to(OutBuffer& out, ValueSource& values) const {
  std::size_t length_at = 0;
  for (const Step& step : steps_) {
    switch (step.piece) {
      case Piece::bytes:
        out.append(bytes_.data() + step.begin, step.size);
        break;
      case Piece::open:
        length_at = out.size();
        out.append_u32(0);
        break;
      case Piece::close:
        out.patch_u32(length_at, static_cast<std::uint32_t>(out.size() - length_at));
        break;
      case Piece::digits:
      case Piece::parameter: {
        char digits[24];
        const std::int64_t value = values.next(ranges_[step.begin], values.position(step.begin));
        const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
        const auto size = static_cast<std::uint32_t>(end - digits);
        if (step.piece == Piece::parameter) out.append_u32(size);
        out.append(digits, size);
        break;
      }
      case Piece::column: {
        const auto& field = values.column(step.begin);
        out.append_u32(field ? static_cast<std::uint32_t>(field->size()) : 0xffffffffu);
        if (field) out.append(*field);
        break;
      }
      case Piece::next_row:
        values.next_row();
        break;
    }
  }
}

}  // namespace gyre::perf
