// Clocks and sleeping.
#pragma once

#include "foreign.hpp"

namespace ant::foreign {

Answer call_clock_gettime(const Arguments& arguments);
Answer call_clock_getres(const Arguments& arguments);
Answer call_gettimeofday(const Arguments& arguments);
Answer call_time(const Arguments& arguments);
Answer call_nanosleep(const Arguments& arguments);
Answer call_clock_nanosleep(const Arguments& arguments);

// The timespec at address `argument` in microseconds, rounded up; false if it is none.
bool read_time(long argument, std::uint64_t& microseconds);

}  // namespace ant::foreign
