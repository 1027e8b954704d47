// One thread that runs one loop. What lives on the loop is made before start() or by post(), and is
// destroyed on the loop or after join().
#pragma once

#include <string>
#include <thread>

#include "runtime/loop.h"

namespace weir::runtime {

class Worker {
 public:
    // `name`: as seen in top and gdb, cut to 15 characters.
    explicit Worker(std::string name) : name_(std::move(name)) {}
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker();  // stop() and join()

    Loop& loop() { return loop_; }
    // Once. The thread takes no signals: they are the main thread's.
    void start();
    // Thread: any.
    void stop() { loop_.stop(); }
    // Thread: not the worker's. Idempotent.
    void join();

 private:
    std::string name_;
    Loop loop_;
    std::thread thread_;
};

}  // namespace weir::runtime
