// What to do when accept() fails for want of descriptors. Closing nothing, the connection would stay in the
// backlog and the kernel would report it again at once, for ever; so the core keeps one descriptor in
// reserve, gives it up to take the connection, lets its handler say farewell, closes it and takes the reserve
// back.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace gyre::reactor {

inline constexpr std::uint64_t kAcceptPauseNs = 50'000'000;  // when there is no reserve to give up

inline bool out_of_descriptors(int error) {
  return error == EMFILE || error == ENFILE;
}

class AcceptReserve {
 public:
  AcceptReserve() { restore(); }
  AcceptReserve(const AcceptReserve&) = delete;
  AcceptReserve& operator=(const AcceptReserve&) = delete;
  ~AcceptReserve() { give_up(); }

  // True when a descriptor has become free by that.
  bool give_up() {
    if (fd_ < 0) return false;
    ::close(fd_);
    fd_ = -1;
    return true;
  }
  // True when the reserve is there (again).
  bool restore() {
    if (fd_ < 0) fd_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    return fd_ >= 0;
  }

 private:
  int fd_ = -1;
};

}  // namespace gyre::reactor
