// The client must not be what is measured. Its turn is: enter the kernel once, read the clock once, scan what
// has come for ReadyForQuery, send once per connection that has room. A connection whose queries never change
// sends straight from one constant buffer that holds as many copies as the pipeline is deep; only queries
// with values are assembled, in a buffer that the kernel has done with.
//
// Latency without coordinated omission: a job with a rate has a plan, query k is due at start + k / rate, and
// its latency counts from there, whether or not a connection was free then. A job without a rate sends as
// soon as answers come, and its latency counts from the turn that sends.
//
// All times within a turn are the clock of its start, so a latency includes the client's own work on the
// answers that came together with it, and never less.
#include "perf/bench/worker.h"

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include <poll.h>

#include "pgwire/client_messages.h"
#include "reactor/base/check.h"
#include "reactor/epoll_backend.h"
#include "reactor/uring_backend.h"

namespace gyre::perf {

namespace {

constexpr std::uint32_t kRateConnections = 16;  // of a job with a rate, when nothing else is said
constexpr std::size_t kReceiveBuffer = 16384;

std::uint64_t thread_cpu_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

// `whole` spread over `parts`; the first ones take the remainder.
std::uint64_t share_of(std::uint64_t whole, std::uint32_t part, std::uint32_t parts) {
  return whole / parts + (part < whole % parts ? 1 : 0);
}

}  // namespace

void JobResult::merge(const JobResult& other) {
  latency.merge(other.latency);
  queries += other.queries;
  rows += other.rows;
  errors += other.errors;
  unaccepted_errors += other.unaccepted_errors;
  ended_ns = std::max(ended_ns, other.ended_ns);
  if (first_error.empty()) first_error = other.first_error;
}

// One core's share of a job: how many queries may start, and when.
class JobShare {
 public:
  JobShare(const Job& job, const Workload& workload, std::uint64_t seed, std::uint32_t part,
           std::uint32_t parts)
      : values(job, seed, part, parts), job_(job), workload_(workload) {
    count_ = share_of(job.count, part, parts);
    limited_ = job.count != 0;
    if (job.rate > 0) interval_ns_ = 1e9 * parts / job.rate;
    offset_ns_ = interval_ns_ * part / parts;
  }

  const Job& job() const { return job_; }
  bool rated() const { return interval_ns_ > 0; }

  void set_schedule(const Schedule& schedule, std::uint64_t from_ns) {
    start_ns_ = job_.start_ns == 0 ? from_ns : schedule.begin_ns + job_.start_ns;
    stop_ns_ = job_.stop_ns == UINT64_MAX ? schedule.end_ns : schedule.begin_ns + job_.stop_ns;
    stop_ns_ = std::min(stop_ns_, schedule.end_ns);
  }
  // May one more query start now? When, if that is known, should it have been sent?
  bool take(std::uint64_t now_ns, std::uint64_t& due_ns) {
    if (!may_start(now_ns)) return false;
    due_ns = rated() ? due(started_) : now_ns;
    ++started_;
    return true;
  }
  bool may_start(std::uint64_t now_ns) const {
    if (now_ns < start_ns_ || now_ns >= stop_ns_ || (limited_ && started_ == count_)) return false;
    return !rated() || due(started_) <= now_ns;
  }
  // When a query will be due that is not yet; UINT64_MAX: none, or answers decide.
  std::uint64_t next_start_ns(std::uint64_t now_ns) const {
    if (limited_ && started_ == count_) return UINT64_MAX;
    if (now_ns < start_ns_) return start_ns_;
    if (now_ns >= stop_ns_ || !rated()) return UINT64_MAX;
    return due(started_);
  }
  bool ended(std::uint64_t now_ns) const {
    return outstanding == 0 && ((limited_ && started_ == count_) || now_ns >= stop_ns_);
  }

  void count_errors(const pgwire::client::BackendScanner& scanner, std::uint64_t more) {
    const auto& error = scanner.last_error();
    result.errors += more;
    const auto& accepted = workload_.accepted_errors;
    if (std::find(accepted.begin(), accepted.end(), error.code) != accepted.end()) return;
    result.unaccepted_errors += more;
    if (result.first_error.empty()) result.first_error = error.code + ": " + error.message;
  }

  ValueSource values;
  std::vector<Request> requests;
  std::size_t next_request = 0;
  std::string constant;  // the request as often as a pipeline is deep; empty: requests have values
  std::size_t constant_size = 0;
  std::uint64_t outstanding = 0;
  JobResult result;
  std::vector<Connection*> idle;

 private:
  std::uint64_t due(std::uint64_t query) const {
    const auto start = static_cast<double>(query / job_.batch_size);
    return start_ns_ + static_cast<std::uint64_t>(offset_ns_ + start * interval_ns_);
  }

  const Job& job_;
  const Workload& workload_;
  std::uint64_t count_ = 0;
  bool limited_ = false;
  double interval_ns_ = 0;  // between two starts of this core
  double offset_ns_ = 0;
  std::uint64_t start_ns_ = 0;
  std::uint64_t stop_ns_ = UINT64_MAX;
  std::uint64_t started_ = 0;
};

class Connection final : public reactor::Stream {
 public:
  Connection(Worker& worker, JobShare& share)
      : worker_(worker),
        share_(share),
        due_(std::bit_ceil(worker.options().pipeline)),
        due_mask_(static_cast<std::uint32_t>(due_.size() - 1)) {}

  // Sends as many queries as there is room for and the job allows.
  void fill() {
    if (io.sending || io.closing || lost_) return;
    std::uint32_t count = 0;
    const std::uint64_t now = worker_.now_ns();
    const std::uint32_t room = worker_.options().pipeline - outstanding();
    while (count < room && share_.take(now, due_[(head_ + count) & due_mask_])) ++count;
    if (count == 0) {
      if (room != 0 && !idle_) {
        idle_ = true;
        share_.idle.push_back(this);
      }
      return;
    }
    head_ += count;
    share_.outstanding += count;
    if (!share_.constant.empty()) {
      worker_.backend().send(*this, share_.constant.data(), count * share_.constant_size);
      return;
    }
    out_.clear();
    for (std::uint32_t i = 0; i < count; ++i) {
      share_.requests[share_.next_request].append_to(out_, share_.values);
      if (++share_.next_request == share_.requests.size()) share_.next_request = 0;
    }
    worker_.backend().send(*this, out_.data(), out_.size());
  }

  std::uint32_t outstanding() const { return head_ - tail_; }
  bool has_room() const { return outstanding() < worker_.options().pipeline && !lost_; }

  void on_data(std::span<const char> bytes) override {
    const std::uint64_t rows_before = scanner_.counts().rows;
    const std::uint64_t errors_before = scanner_.counts().errors;
    const std::size_t ready = scanner_.scan(bytes);
    share_.result.rows += scanner_.counts().rows - rows_before;
    if (scanner_.counts().errors != errors_before) [[unlikely]]
      share_.count_errors(scanner_, scanner_.counts().errors - errors_before);
    if (ready == 0) return;
    const std::uint64_t now = worker_.now_ns();
    const std::uint32_t answered = std::min(static_cast<std::uint32_t>(ready), outstanding());
    for (std::uint32_t i = 0; i < answered; ++i)
      share_.result.latency.record(now - due_[tail_++ & due_mask_]);
    share_.result.queries += answered;
    share_.outstanding -= answered;
    if (share_.job().count != 0) share_.result.ended_ns = now;
    worker_.mark_ready(*this);
  }
  void on_closed(int error) override {
    if (!lost_) {
      lost_ = true;
      share_.outstanding -= outstanding();
      worker_.count_lost(scanner_.counts().errors != 0 ? scanner_.last_error().message : std::string());
    }
    worker_.backend().close(*this);
  }
  void on_sent() override {
    if (has_room()) worker_.mark_ready(*this);
  }
  void on_released() override {}

  JobShare& share() { return share_; }

  void leave_idle() { idle_ = false; }

  bool marked = false;  // on the worker's list

 private:
  Worker& worker_;
  JobShare& share_;
  pgwire::client::BackendScanner scanner_;
  std::vector<std::uint64_t> due_;  // when the queries in flight were due; a ring between tail_ and head_
  std::uint32_t due_mask_;
  std::uint32_t head_ = 0;
  std::uint32_t tail_ = 0;
  bool lost_ = false;
  bool idle_ = false;  // on the share's list: it has room, and the plan had nothing for it
  OutBuffer out_;
};

// Wakes a core that waits for answers.
class Worker::StopSignal final : public reactor::PollHandler {
 public:
  StopSignal() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { GYRE_CHECK(fd_ >= 0); }
  ~StopSignal() { ::close(fd_); }
  void on_ready(std::uint32_t) override {}
  int fd() const { return fd_; }

 private:
  int fd_;
};

Worker::Worker(const Workload& workload, const Target& target, const BenchOptions& options,
               std::uint32_t part, std::uint32_t parts)
    : workload_(workload),
      target_(target),
      options_(options),
      part_(part),
      parts_(parts),
      stop_signal_(std::make_unique<StopSignal>()) {}

Worker::~Worker() = default;

void Worker::mark_ready(Connection& connection) {
  if (connection.marked) return;
  connection.marked = true;
  ready_.push_back(&connection);
}

void Worker::count_lost(const std::string& problem) {
  ++result_.lost_connections;
  if (result_.problem.empty())
    result_.problem = "a connection was lost" + (problem.empty() ? std::string() : ": " + problem);
}

bool Worker::connect() {
  reactor::UringOptions ring;
  ring.receive_buffer_size = kReceiveBuffer;
  if (!options_.epoll) {
    if (auto backend = reactor::make_uring_backend(ring)) backend_ = std::move(*backend);
  }
  if (!backend_) backend_ = reactor::make_epoll_backend();
  backend_->watch(*stop_signal_, stop_signal_->fd(), POLLIN);
  for (const Job& job : workload_.jobs) {
    shares_.push_back(std::make_unique<JobShare>(job, workload_, options_.seed, part_, parts_));
    JobShare& share = *shares_.back();
    const Protocol protocol = options_.protocol_given
                                  ? options_.protocol
                                  : (job.has_arguments() ? Protocol::extended : Protocol::simple);
    for (std::size_t i = 0; i < job.queries.size(); ++i) {
      auto request = Request::create(job, job.queries[i], protocol, "s" + std::to_string(i));
      if (!request) {
        result_.problem = request.error();
        return false;
      }
      share.requests.push_back(std::move(*request));
    }
    if (share.requests.size() == 1 && share.requests[0].constant()) {
      share.constant_size = share.requests[0].bytes().size();
      for (std::uint32_t i = 0; i < options_.pipeline; ++i) share.constant += share.requests[0].bytes();
    }
    const std::uint32_t wanted = options_.connections != 0 ? options_.connections
                                 : job.concurrency != 0    ? job.concurrency
                                 : job.rate > 0            ? kRateConnections
                                                           : 1;
    const std::uint64_t mine = share_of(wanted, part_, parts_);
    for (std::uint64_t i = 0; i < mine; ++i) {
      if (!open_connection(share)) return false;
    }
  }
  return true;
}

bool Worker::open_connection(JobShare& share) {
  auto handshake = Handshake::open(target_);
  if (!handshake) {
    result_.problem = handshake.error();
    return false;
  }
  if (options_.protocol_given && options_.protocol == Protocol::prepared) {
    OutBuffer out;
    const auto& queries = share.job().queries;
    for (std::size_t i = 0; i < queries.size(); ++i)
      pgwire::client::parse(out, "s" + std::to_string(i), queries[i]);
    pgwire::client::sync(out);
    auto prepared = handshake->exchange(out.view());
    if (!prepared) {
      result_.problem = prepared.error();
      return false;
    }
  }
  connections_.push_back(std::make_unique<Connection>(*this, share));
  backend_->start(*connections_.back(), handshake->release());
  return true;
}

void Worker::run(const Schedule& schedule) {
  schedule_ = schedule;
  now_ns_ = backend_->now_ns();
  for (auto& share : shares_) share->set_schedule(schedule, now_ns_);
  for (auto& connection : connections_) mark_ready(*connection);
  while (!stop_requested_.load(std::memory_order_relaxed) && now_ns_ < schedule_.end_ns && !all_ended()) {
    start_due();
    send_ready();
    wait();
    now_ns_ = backend_->now_ns();
    if (!measuring_ && now_ns_ >= schedule_.begin_ns) begin_measuring();
    backend_->reap();
    ++turns_;
  }
  finish();
}

void Worker::begin_measuring() {
  measuring_ = true;
  for (auto& share : shares_) share->result = {};
  cpu_begin_ns_ = thread_cpu_ns();
  turns_ = 0;
}

// Jobs with a rate, and those whose time has only come, have idle connections and nothing else that would
// wake them. A connection that takes nothing here is still sending; on_sent() brings it back.
void Worker::start_due() {
  wake_at_ns_ = UINT64_MAX;
  for (auto& share : shares_) {
    while (!share->idle.empty() && share->may_start(now_ns_)) {
      Connection* connection = share->idle.back();
      share->idle.pop_back();
      connection->leave_idle();
      connection->fill();
    }
    if (!share->idle.empty()) wake_at_ns_ = std::min(wake_at_ns_, share->next_start_ns(now_ns_));
  }
}

void Worker::send_ready() {
  sending_.swap(ready_);
  std::uint64_t answered = 0;
  for (Connection* connection : sending_) {
    connection->marked = false;
    connection->fill();
  }
  sending_.clear();
  for (const auto& share : shares_) answered += share->result.queries;
  progress_.store(answered, std::memory_order_relaxed);
}

void Worker::wait() {
  if (backend_->has_submissions() || backend_->has_events()) backend_->enter(reactor::WaitMode::poll, 0);
  if (backend_->has_events()) return;
  const std::uint64_t spin_until =
      options_.spin_us == 0 ? 0 : now_ns_ + options_.spin_us * std::uint64_t{1000};
  std::uint64_t now = backend_->now_ns();
  while (now < std::min({spin_until, wake_at_ns_, schedule_.end_ns})) {
    if (backend_->look_for_events()) {
      backend_->enter(reactor::WaitMode::poll, 0);
      return;
    }
    now = backend_->now_ns();
  }
  if (wake_at_ns_ == UINT64_MAX) {
    // No timer: stop() wakes. Setting one up costs more than a query.
    backend_->enter(reactor::WaitMode::sleep, reactor::kNever);
  } else if (wake_at_ns_ > now) {
    backend_->enter(reactor::WaitMode::sleep, wake_at_ns_ - now);
  }
}

bool Worker::all_ended() const {
  if (result_.lost_connections == connections_.size() && !connections_.empty()) return true;
  return std::all_of(shares_.begin(), shares_.end(),
                     [&](const auto& share) { return share->ended(now_ns_); });
}

void Worker::finish() {
  if (measuring_) result_.cpu_ns = thread_cpu_ns() - cpu_begin_ns_;
  result_.turns = turns_;
  for (auto& share : shares_) result_.jobs.push_back(share->result);
  for (auto& connection : connections_) {
    if (connection->fd() >= 0) backend_->close(*connection);
  }
  backend_->unwatch(*stop_signal_);
  // A server that is gone cannot hold us up: closing needs no answer.
  constexpr int kAttempts = 1000;
  for (int i = 0; i < kAttempts; ++i) {
    backend_->enter(reactor::WaitMode::poll, 0);
    backend_->reap();
    if (std::all_of(connections_.begin(), connections_.end(), [](const auto& c) { return c->fd() < 0; }))
      break;
  }
  backend_.reset();
}

void Worker::stop() {
  stop_requested_.store(true, std::memory_order_relaxed);
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_signal_->fd(), &one, sizeof one);
}

}  // namespace gyre::perf
