#include "timer.hpp"

#include "features.hpp"
#include "instructions.hpp"
#include "interrupt_controller.hpp"
#include "local_apic.hpp"
#include "log.hpp"

#include <algorithm>

namespace ant::arch::timer {

constinit Scale tick_scale = {};
constinit Scale nanosecond_scale = {};

namespace {

// Intel 8254 data sheet, and port 0x61 of the PC: gate and output of channel 2.
constexpr std::uint16_t channel_0 = 0x40;
constexpr std::uint16_t channel_2 = 0x42;
constexpr std::uint16_t pit_command = 0x43;
constexpr std::uint16_t system_control = 0x61;
constexpr std::uint8_t channel_0_one_shot = 0x30;
constexpr std::uint8_t channel_2_one_shot = 0xb0;
constexpr std::uint8_t latch_channel_2 = 0x80;
constexpr std::uint8_t gate_2 = 1 << 0;
constexpr std::uint8_t speaker = 1 << 1;
constexpr std::uint64_t pit_hz = 1'193'182;

constexpr std::uint16_t window_ticks = 2400;  // about 2 ms
constexpr unsigned max_tries = 12;
constexpr std::uint64_t agreement = 4000;  // two tries agree within 1/4000
constexpr unsigned patience = 200'000;     // reads without a change: there is no 8254
constexpr std::uint64_t assumed_khz = 1'000'000;
constexpr unsigned timer_irq = 0;

constinit std::uint64_t khz = 0;
constinit Scale apic_scale = {};  // TSC ticks -> local APIC timer ticks
constinit Scale pit_scale = {};
constinit bool apic_timer = false;

std::uint16_t read_channel_2() {
    out8(pit_command, latch_channel_2);
    const std::uint8_t low = in8(channel_2);
    return static_cast<std::uint16_t>(low | in8(channel_2) << 8);
}

struct Moment {
    bool valid;
    std::uint16_t pit;
    std::uint64_t tsc;
    std::uint32_t apic;
};

// The next moment at which the 8254 counts, once it has come down to `at_most`.
Moment next_tick(std::uint16_t at_most) {
    std::uint16_t last = read_channel_2();
    for (unsigned unchanged = 0; unchanged < patience; ++unchanged) {
        const std::uint64_t before = read_tsc();
        const std::uint16_t now = read_channel_2();
        if (now == last) continue;
        unchanged = 0;
        last = now;
        if (now > at_most) continue;
        const std::uint64_t after = read_tsc();
        return {true, now, before + (after - before) / 2, apic_timer ? local_apic::timer_count() : 0};
    }
    return {};
}

struct Measurement {
    std::uint64_t khz = 0;            // 0: failed
    std::uint64_t apic_per_tick = 0;  // 32.32
};

Measurement measure() {
    const auto control = static_cast<std::uint8_t>(in8(system_control) & ~speaker);
    out8(system_control, control | gate_2);
    out8(pit_command, channel_2_one_shot);
    out8(channel_2, 0xff);
    out8(channel_2, 0xff);
    if (apic_timer) local_apic::start_timer(~std::uint32_t{0});
    const Moment first = next_tick(0xfff0);
    const Moment last = first.valid ? next_tick(static_cast<std::uint16_t>(first.pit - window_ticks)) : Moment{};
    out8(system_control, static_cast<std::uint8_t>(control & ~gate_2));
    if (!last.valid || last.pit >= first.pit || last.tsc <= first.tsc) return {};

    const std::uint64_t ticks = last.tsc - first.tsc;
    const std::uint64_t counted = first.pit - last.pit;
    const std::uint64_t apic = first.apic - last.apic;
    return {.khz = (ticks * pit_hz / counted + 500) / 1000, .apic_per_tick = (apic << 32) / ticks};
}

std::uint64_t distance(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : b - a; }

// A host that takes the CPU away for a while spoils a try, not all of them: two that agree are right.
Measurement calibrate() {
    Measurement tries[max_tries];
    for (unsigned i = 0; i < max_tries; ++i) {
        tries[i] = measure();
        if (tries[i].khz == 0) break;
        for (unsigned k = 0; k < i; ++k)
            if (distance(tries[i].khz, tries[k].khz) <= tries[i].khz / agreement) return tries[i];
    }
    // The middle one, if there are any.
    const Measurement* const failed = std::find_if(tries, tries + max_tries, [](const Measurement& m) { return m.khz == 0; });
    for (const Measurement* m = tries; m != failed; ++m) {
        unsigned faster = 0, as_fast = 0;
        for (const Measurement* other = tries; other != failed; ++other) {
            faster += other->khz > m->khz;
            as_fast += other->khz == m->khz;
        }
        const auto middle = static_cast<unsigned>(failed - tries) / 2;
        if (faster <= middle && middle < faster + as_fast) return *m;
    }
    if (features().tsc_khz_hint != 0) return {.khz = features().tsc_khz_hint};
    log("timer: no 8254 to calibrate with, assuming %lu kHz\n", assumed_khz);
    return {.khz = assumed_khz};
}

// Without an 8254: the two counters against each other over a millisecond.
std::uint64_t measure_apic() {
    local_apic::start_timer(~std::uint32_t{0});
    const std::uint64_t first = read_tsc();
    const std::uint32_t apic = local_apic::timer_count();
    while (read_tsc() - first < khz) pause();
    const std::uint32_t ticks = apic - local_apic::timer_count();
    return (std::uint64_t{ticks} << 32) / (read_tsc() - first);
}

// Of numbers below 2^32: frequencies in kHz, and parts of a second.
Scale ratio(std::uint64_t numerator, std::uint64_t denominator) { return {(numerator << 32) / denominator}; }

}  // namespace

void init() {
    apic_timer = local_apic::present();
    const Measurement result = calibrate();
    khz = result.khz;
    if (apic_timer) {
        apic_scale.multiplier = result.apic_per_tick != 0 ? result.apic_per_tick : measure_apic();
        local_apic::start_timer(0);
        apic_timer = apic_scale.multiplier != 0;  // a timer that does not count is none
        if (apic_timer) local_apic::mask_timer(false);
    }
    tick_scale = ratio(1'000'000, khz);
    nanosecond_scale = ratio(khz, 1'000'000);
    pit_scale = ratio(pit_hz, khz * 1000);
    if (!apic_timer) {
        disarm();
        interrupts::unmask(timer_irq);
    }
}

std::uint64_t tsc_khz() { return khz; }

bool uses_local_apic() { return apic_timer; }

void arm(std::uint64_t tsc_deadline) {
    const std::uint64_t now = read_tsc();
    // Longer than an hour or so is clipped below anyway; this keeps the products small.
    const std::uint64_t ticks = std::min(tsc_deadline > now ? tsc_deadline - now : 0, std::uint64_t{1} << 44);
    if (apic_timer) {
        local_apic::start_timer(static_cast<std::uint32_t>(std::min<std::uint64_t>(apic_scale(ticks) + 1, ~std::uint32_t{0})));
        return;
    }
    ++device_accesses;
    const auto count = std::min<std::uint64_t>(pit_scale(ticks) + 1, 0xffff);
    out8(pit_command, channel_0_one_shot);
    out8(channel_0, static_cast<std::uint8_t>(count));
    out8(channel_0, static_cast<std::uint8_t>(count >> 8));
}

void disarm() {
    if (apic_timer) {
        local_apic::start_timer(0);
        return;
    }
    ++device_accesses;
    out8(pit_command, channel_0_one_shot);  // no count: it waits for one
}

void acknowledge() {
    if (apic_timer)
        local_apic::acknowledge();
    else
        interrupts::acknowledge(timer_irq);
}

}  // namespace ant::arch::timer
