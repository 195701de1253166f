// SPDX-License-Identifier: Apache-2.0
// Mutexes for clang's thread-safety analysis (-Wthread-safety): a member with GUARDED_BY may be
// accessed, and a method with REQUIRES may be called, only while the mutex is locked. Other
// compilers see plain std mutexes. https://clang.llvm.org/docs/ThreadSafetyAnalysis.html
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>

#if defined(__clang__)
#define ENTREPOT_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define ENTREPOT_THREAD_ANNOTATION(x)
#endif

/// The member may be accessed only while this mutex is locked.
#define GUARDED_BY(mutex) ENTREPOT_THREAD_ANNOTATION(guarded_by(mutex))
/// The function may be called only while this mutex is locked.
#define REQUIRES(mutex) ENTREPOT_THREAD_ANNOTATION(requires_capability(mutex))
/// As REQUIRES; a reader's lock suffices.
#define REQUIRES_SHARED(mutex) ENTREPOT_THREAD_ANNOTATION(requires_shared_capability(mutex))
/// Excludes a function that the analysis cannot follow; a comment beside it explains why it is
/// correct.
#define NO_THREAD_SAFETY_ANALYSIS ENTREPOT_THREAD_ANNOTATION(no_thread_safety_analysis)

namespace entrepot {

class ENTREPOT_THREAD_ANNOTATION(capability("mutex")) Mutex {
 public:
  void lock() ENTREPOT_THREAD_ANNOTATION(acquire_capability()) { mutex_.lock(); }
  void unlock() ENTREPOT_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }

 private:
  friend class ConditionVariable;
  std::mutex mutex_;
};

/// A condition that threads wait for while they hold a Mutex. std::condition_variable_any, which
/// takes any lock, locks a second mutex in each call: the waiter that it wakes blocks on that one.
class ConditionVariable {
 public:
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }
  /// Unlocks `mutex`, waits for a notification and locks it again. It may return without a
  /// notification: test the condition in a loop.
  void wait(Mutex& mutex) REQUIRES(mutex) {
    std::unique_lock lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();  // the caller still holds it
  }
  /// As wait(), until `end` at the latest.
  void wait_until(Mutex& mutex, std::chrono::steady_clock::time_point end) REQUIRES(mutex) {
    std::unique_lock lock(mutex.mutex_, std::adopt_lock);
    condition_.wait_until(lock, end);
    lock.release();
  }

 private:
  std::condition_variable condition_;
};

class ENTREPOT_THREAD_ANNOTATION(capability("mutex")) SharedMutex {
 public:
  void lock() ENTREPOT_THREAD_ANNOTATION(acquire_capability()) { mutex_.lock(); }
  void unlock() ENTREPOT_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }
  void lock_shared() ENTREPOT_THREAD_ANNOTATION(acquire_shared_capability()) {
    mutex_.lock_shared();
  }
  void unlock_shared() ENTREPOT_THREAD_ANNOTATION(release_shared_capability()) {
    mutex_.unlock_shared();
  }

 private:
  std::shared_mutex mutex_;
};

/// Locks a Mutex until the end of its block.
class ENTREPOT_THREAD_ANNOTATION(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ENTREPOT_THREAD_ANNOTATION(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() ENTREPOT_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

/// Locks a SharedMutex for writing until the end of its block.
class ENTREPOT_THREAD_ANNOTATION(scoped_lockable) WriterLock {
 public:
  explicit WriterLock(SharedMutex& mutex) ENTREPOT_THREAD_ANNOTATION(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock();
  }
  ~WriterLock() ENTREPOT_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

 private:
  SharedMutex& mutex_;
};

/// Locks a SharedMutex for reading until the end of its block.
class ENTREPOT_THREAD_ANNOTATION(scoped_lockable) ReaderLock {
 public:
  explicit ReaderLock(SharedMutex& mutex)
      ENTREPOT_THREAD_ANNOTATION(acquire_shared_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock_shared();
  }
  ~ReaderLock() ENTREPOT_THREAD_ANNOTATION(release_capability()) { mutex_.unlock_shared(); }
  ReaderLock(const ReaderLock&) = delete;
  ReaderLock& operator=(const ReaderLock&) = delete;

 private:
  SharedMutex& mutex_;
};

}  // namespace entrepot
