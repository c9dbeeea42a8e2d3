// The backend over epoll with plain recv and send: for kernels and containers without io_uring.
#pragma once

#include <cstddef>
#include <memory>

#include "reactor/backend.h"

namespace gyre::reactor {

struct EpollOptions {
  std::size_t receive_buffer_size = 64 * 1024;  // bytes; one buffer, shared by all streams of the core
};

std::unique_ptr<Backend> make_epoll_backend(const EpollOptions& options = {});

}  // namespace gyre::reactor
