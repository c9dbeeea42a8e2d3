// A doubly linked list whose links live in its elements: no allocation, removal in O(1) from anywhere.
// The tag keeps the links of different lists apart in an object that sits in several of them.
#pragma once

#include "reactor/base/check.h"

namespace gyre::reactor {

template <class Tag>
class ListHook {
 public:
  ListHook() = default;
  ListHook(const ListHook&) = delete;
  ListHook& operator=(const ListHook&) = delete;

  bool linked() const { return next_ != nullptr; }
  void unlink() {
    if (!linked()) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = nullptr;
  }

 protected:
  ~ListHook() { unlink(); }

 private:
  template <class>
  friend class IntrusiveList;
  ListHook* next_ = nullptr;  // nullptr: in no list
  ListHook* previous_ = nullptr;
};

// T derives from ListHook<T>.
template <class T>
class IntrusiveList {
 public:
  IntrusiveList() { head_.next_ = head_.previous_ = &head_; }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;
  ~IntrusiveList() {
    while (!empty()) pop_front();
  }

  bool empty() const { return head_.next_ == &head_; }
  void push_back(T& element) {
    ListHook<T>& hook = element;
    GYRE_DCHECK(!hook.linked());
    hook.previous_ = head_.previous_;
    hook.next_ = &head_;
    head_.previous_->next_ = &hook;
    head_.previous_ = &hook;
  }
  T& front() { return *static_cast<T*>(head_.next_); }
  T& pop_front() {
    T& first = front();
    static_cast<ListHook<T>&>(first).unlink();
    return first;
  }
  // Moves all elements of `other` behind ours.
  void append(IntrusiveList& other) {
    if (other.empty()) return;
    ListHook<T>* first = other.head_.next_;
    ListHook<T>* last = other.head_.previous_;
    other.head_.next_ = other.head_.previous_ = &other.head_;
    first->previous_ = head_.previous_;
    head_.previous_->next_ = first;
    last->next_ = &head_;
    head_.previous_ = last;
  }

 private:
  struct Head final : ListHook<T> {
    ~Head() { this->next_ = nullptr; }
    using ListHook<T>::next_;
    using ListHook<T>::previous_;
  };
  Head head_;
};

}  // namespace gyre::reactor
