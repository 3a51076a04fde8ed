// Samples, the core's counters, and the lines that tools/ant reads.
#pragma once

#include <ant/ica.hpp>

#include <array>
#include <cstdint>

namespace ant::bench {

// Where the core writes its records to.
class Records {
public:
    static Result<Records> make();
    [[nodiscard]] Result<abi::SystemRecord> system() const;
    [[nodiscard]] const Ica& area() const { return area_; }

private:
    Ica area_;
};

// Accesses that cost one instruction in the emulator and hundreds of cycles on hardware, over some runs.
struct Counters {
    std::uint64_t cr3 = 0, invlpg = 0, msr = 0, fpu = 0, mmio = 0;
};
Counters difference(const abi::SystemRecord& before, const abi::SystemRecord& after);

class Samples {
public:
    static constexpr unsigned capacity = 2000;
    void clear() { count_ = 0; }
    void add(std::uint64_t value) {
        if (count_ < capacity) values_[count_++] = value;
    }
    [[nodiscard]] unsigned count() const { return count_; }
    // 0 of none.
    [[nodiscard]] std::uint64_t min() { return count_ == 0 ? 0 : sorted()[0]; }
    [[nodiscard]] std::uint64_t max() { return count_ == 0 ? 0 : sorted()[count_ - 1]; }
    [[nodiscard]] std::uint64_t mean() const;
    // "figure id=...": the median and what surrounds it. `counters` are of `runs` runs together; 0: not known.
    void print(const char* id, const char* unit, const Counters& counters, unsigned runs);
    // The same with another percentile than the median in front.
    void print_percentile(const char* id, const char* unit, unsigned percent);
    void print_min(const char* id, const char* unit) { print_value(id, unit, min()); }
    void print_max(const char* id, const char* unit) { print_value(id, unit, max()); }
    void print_mean(const char* id, const char* unit) { print_value(id, unit, mean()); }

private:
    [[nodiscard]] std::uint64_t percentile(unsigned percent) const;
    const std::uint64_t* sorted();
    void print_value(const char* id, const char* unit, std::uint64_t value);
    std::array<std::uint64_t, capacity> values_{};
    unsigned count_ = 0;
};

void print_figure(const char* id, const char* unit, std::uint64_t value);
std::uint64_t ticks_to_ns(std::uint64_t ticks);

}  // namespace ant::bench
