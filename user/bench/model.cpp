// bench-model [EXECUTION_RETURN]: P-time's experiment. It is the process that asks for the replacements.
//
// A replacement's time is from the asker's system call (event 1 of figure 5) to its record (event 10): what of the asker's own
// way to the guardian lies before, and the first request of the new server behind, is not in it, as in the paper.
#include "model.hpp"

#include "figures.hpp"

#include <ant/abi/manifest.hpp>
#include <ant/child.hpp>
#include <ant/console.hpp>

#include <algorithm>
#include <cstring>

ANT_MANIFEST(.version = 1, .name = "bench-model", .priority = 28,
             .privileges = ant::abi::privilege::list | ant::abi::privilege::replace, .callees = "*");

namespace {

using namespace ant;
using namespace ant::bench;
using console::print;

constexpr std::uint64_t ns_per_us = 1000, ns_per_ms = 1'000'000, patience_us = 600'000'000;
constexpr unsigned most_aps = 7, wanted_replacements = 50, basic_replacements = 10;
constexpr std::uint64_t driver_ns = model::driver_us * ns_per_us, device_ns = model::device_us * ns_per_us;

struct Parts {
    unsigned execution_ms, return_ms;
    [[nodiscard]] std::uint64_t execution_ns() const { return execution_ms * ns_per_ms; }
    [[nodiscard]] std::uint64_t return_ns() const { return return_ms * ns_per_ms; }
    // Of a request that meets nobody else.
    [[nodiscard]] std::uint64_t response_ns() const { return execution_ns() + driver_ns + device_ns + return_ns(); }
};
constexpr Parts combinations[] = {{10, 1}, {15, 1}, {20, 1}, {1, 10}, {1, 15}, {1, 20}};

enum class Order { none, paper, ours };  // none: nothing is replaced
constexpr const char* order_names[] = {"quiet", "paper", "ours"};

const char* const ap_names[most_aps] = {"model-ap-1", "model-ap-2", "model-ap-3", "model-ap-4",
                                        "model-ap-5", "model-ap-6", "model-ap-7"};
Client aps[most_aps] = {Client{ap_names[0]}, Client{ap_names[1]}, Client{ap_names[2]}, Client{ap_names[3]},
                        Client{ap_names[4]}, Client{ap_names[5]}, Client{ap_names[6]}};
Client keeper{"guardian"};

std::uint64_t increments_per_ms = 0;

void calibrate() {
    constexpr std::uint64_t increments = 200'000;
    const std::uint64_t begin = clock_ns();
    model::compute(increments);
    increments_per_ms = increments * ns_per_ms / (clock_ns() - begin);
}

struct Number {
    char text[24];
    explicit Number(std::uint64_t value) { format(text, sizeof text, "%lu", value); }
};

// What the paper says of every sample -------------------------------------------------------------------------

struct Basic {
    std::uint64_t least_ns = 0, most_ns = 0;
    std::uint64_t taken_ns = 0;  // at most, from a program that computes: with the guardian's work before and after
};
Basic basic[3];  // by Order
// For what the model takes as nothing, calls and timer interrupts: the least part. What the bounds are about are multiples
// of the driver's computation.
constexpr std::uint64_t tolerance_ns = 1 * ns_per_ms;
unsigned samples_checked = 0, violated = 0;

// P-time 4.2. While the return part runs, the driver comes back as often as its wait fits in, if there are enough requests.
std::uint64_t longest_replacement(const Parts& parts, unsigned ap_count) {
    const std::uint64_t after_execution = parts.execution_ns() + driver_ns;
    const std::uint64_t interruptions = ap_count <= 2 ? 0 : (parts.return_ns() + device_ns - 1) / device_ns;
    const std::uint64_t after_return = parts.return_ns() + interruptions * driver_ns;
    return basic[static_cast<unsigned>(Order::paper)].most_ns + std::max(after_execution, after_return);
}

void check(const char* what, const Parts& parts, unsigned ap_count, std::uint64_t ns, std::uint64_t least, std::uint64_t most) {
    ++samples_checked;
    if (ns + tolerance_ns >= least && ns <= most + tolerance_ns) return;
    ++violated;
    print("note %s of %lu ns with parts %u_%u and %u APs is not between %lu and %lu ns\n", what, ns, parts.execution_ms,
          parts.return_ms, ap_count, least, most);
}

void check_replacement(const Parts& parts, unsigned ap_count, std::uint64_t ns) {
    check("replacement", parts, ap_count, ns, basic[static_cast<unsigned>(Order::paper)].least_ns,
          longest_replacement(parts, ap_count));
}

// P-time 4.3: never shorter than what is done for it; with one AP at most one replacement longer.
void check_response(const Parts& parts, unsigned ap_count, std::uint64_t ns) {
    const std::uint64_t longest = parts.response_ns() + basic[static_cast<unsigned>(Order::paper)].taken_ns;
    check("response", parts, ap_count, ns, parts.response_ns(), ap_count == 1 ? longest : ~std::uint64_t{0} / 2);
}

// One run ------------------------------------------------------------------------------------------------------

Result<abi::ReplaceResult> replace_server(Order order) {
    guardian::Replace request{};
    request.count = 1;
    request.as_paper = order == Order::paper ? 1 : 0;
    std::strcpy(request.server[0].name, "model-server");
    const auto answer = ANT_TRY(keeper.call(guardian::replace, request, {}, patience_us));
    const abi::ReplaceResult& replaced = answer.result.result[0];
    if (replaced.error != Error::none) return Failure(replaced.error);
    return replaced;
}

std::uint64_t replacement_ns(const abi::ReplaceResult& replaced) { return replaced.event_ns[10 - 1]; }
// From the old server's stop to the commit.
std::uint64_t unserved_ns(const abi::ReplaceResult& replaced) { return replaced.event_ns[8 - 1] - replaced.event_ns[4 - 1]; }

Samples replacements, unserved, taken, responses;

// The control ICA of a call that has been answered; 0: none was.
Result<std::uint64_t> result(std::uint64_t timeout_us) {
    const sys::Raw receipt = sys::raw(sys::Syscall::receive, timeout_us);
    if (receipt.error != Error::none && receipt.error != Error::timed_out) return Failure(receipt.error);
    if (receipt.error != Error::none || static_cast<abi::Receipt>(receipt.rsi & 0xff) != abi::Receipt::result) return 0;
    const auto error = static_cast<Error>(receipt.rsi >> 8 & 0xff);
    if (error != Error::none) return Failure(error);
    return receipt.rdi;
}

class Run {
public:
    Run(const Parts& parts, unsigned ap_count, Order order, std::uint64_t usual_ns)
        : parts_{parts}, ap_count_{ap_count}, order_{order}, usual_ns_{usual_ns} {}

    Result<> go() {
        for (Samples* samples : {&replacements, &unserved, &responses}) samples->clear();
        for (unsigned i = 0; i < ap_count_; ++i) ANT_TRY(aps[i].send(model::run));
        std::uint64_t next_ns = clock_ns() + interval();
        while (ended_ != ap_count_) {
            const bool replacing = order_ != Order::none && replacements.count() != wanted_replacements;
            const std::uint64_t now = clock_ns();
            if (replacing && now >= next_ns) {
                ANT_TRY(replace());
                next_ns = clock_ns() + interval();
                continue;
            }
            ANT_TRY(take_result(replacing ? (next_ns - now + ns_per_us - 1) / ns_per_us : patience_us));
        }
        return {};
    }

private:
    // Between two replacements: t0 to 2 t0 at random; t0 = the response time without any.
    std::uint64_t interval() {
        random_ ^= random_ << 13;
        random_ ^= random_ >> 7;
        random_ ^= random_ << 17;
        return usual_ns_ == 0 ? 0 : usual_ns_ + random_ % usual_ns_;
    }

    Result<> replace() {
        const auto replaced = ANT_TRY(replace_server(order_));
        replacements.add(replacement_ns(replaced));
        unserved.add(unserved_ns(replaced));
        if (order_ == Order::paper) check_replacement(parts_, ap_count_, replacement_ns(replaced));
        return {};
    }

    Result<> take_result(std::uint64_t timeout_us) {
        const std::uint64_t control = ANT_TRY(result(timeout_us));
        if (control == 0) return {};
        for (const std::uint64_t ns : reinterpret_cast<const model::Responses*>(control + abi::parameter_base)->ns) {
            responses.add(ns);
            if (order_ == Order::paper) check_response(parts_, ap_count_, ns);
        }
        controls::give(control);
        ++ended_;
        return {};
    }

    const Parts& parts_;
    const unsigned ap_count_;
    const Order order_;
    const std::uint64_t usual_ns_;
    unsigned ended_ = 0;
    std::uint64_t random_ = 0x9e37'79b9'7f4a'7c15;
};

// What is printed -----------------------------------------------------------------------------------------------

class Id {
public:
    explicit Id(Order order) { length_ = format(text_, sizeof text_, "model.%s.", order_names[static_cast<unsigned>(order)]); }
    Id(Order order, const Parts& parts, unsigned ap_count) {
        length_ = format(text_, sizeof text_, "model.%s.%u_%u.%u.", order_names[static_cast<unsigned>(order)], parts.execution_ms,
                         parts.return_ms, ap_count);
    }
    const char* operator()(const char* what) {
        format(text_ + length_, sizeof text_ - length_, "%s", what);
        return text_;
    }

private:
    char text_[64];
    std::size_t length_;
};

void print_run(Order order, const Parts& parts, unsigned ap_count) {
    Id id{order, parts, ap_count};
    if (order != Order::none) {
        replacements.print_min(id("replace_min"), "ns");
        replacements.print_max(id("replace_max"), "ns");
        replacements.print_mean(id("replace_mean"), "ns");
        replacements.print_percentile(id("replace_p50"), "ns", 50);
        unserved.print_max(id("unserved_max"), "ns");
    }
    responses.print_min(id("response_min"), "ns");
    responses.print_max(id("response_max"), "ns");
    responses.print_mean(id("response_mean"), "ns");
}

Result<> start_server(const Parts& parts) {
    stop_child("model-server");
    const Number execution{parts.execution_ms * increments_per_ms}, answering{parts.return_ms * increments_per_ms};
    ANT_TRY(start_child("model-server", {execution.text, answering.text}, {.as = "model-server"}));
    wait_us(10'000);  // until it has registered
    return {};
}

// With nobody calling, but somebody computing, as there will be. A machine that is idle zeroes pages for the next process: half
// of them come after a pause, half do not.
Result<> measure_basic(Order order) {
    constexpr std::uint64_t burn_ms = 100, before_us = 20'000, pause_us = 100'000;
    for (Samples* samples : {&replacements, &unserved, &taken}) samples->clear();
    for (unsigned i = 0; i < basic_replacements; ++i) {
        if (i % 2 == 0) wait_us(pause_us);
        const std::uint64_t control = ANT_TRY(aps[0].send(model::burn, {burn_ms * increments_per_ms}));
        wait_us(before_us);
        const auto replaced = ANT_TRY(replace_server(order));
        replacements.add(replacement_ns(replaced));
        unserved.add(unserved_ns(replaced));
        while (!ANT_TRY(result(patience_us))) {
        }
        taken.add(reinterpret_cast<const model::Number*>(control + abi::parameter_base)->value - burn_ms * ns_per_ms);
        controls::give(control);
    }
    basic[static_cast<unsigned>(order)] = {replacements.min(), replacements.max(), taken.max()};
    Id id{order};
    replacements.print_percentile(id("basic"), "ns", 50);
    unserved.print_percentile(id("basic.unserved"), "ns", 50);
    taken.print_percentile(id("basic.taken"), "ns", 50);
    return {};
}

// One AP alone: what its requests take beyond the parts.
Result<> measure_communication() {
    Run alone{combinations[0], 1, Order::none, 0};
    ANT_TRY(alone.go());
    print_figure("model.communication", "ns", responses.mean() - combinations[0].response_ns());
    return {};
}

// A process that ends is news for these, and they run at the priority of the model's server or above.
void stop_others() {
    for (const char* name : {"web", "echo", "iperf", "inet", "rtl8139", "file", "cache", "disk"}) stop_child(name);
    wait_us(2'000'000);  // until their memory is free, and zero
}

Result<> start() {
    stop_others();
    calibrate();
    ANT_TRY(start_child("model-driver", {Number{model::driver_us * increments_per_ms / 1000}.text}, {.as = "model-driver"}));
    for (const char* name : ap_names) ANT_TRY(start_child("model-ap", {}, {.as = name}));
    ANT_TRY(start_server(combinations[0]));
    for (const Order order : {Order::paper, Order::ours}) ANT_TRY(measure_basic(order));
    return measure_communication();
}

Result<> measure(const Parts& parts) {
    ANT_TRY(start_server(parts));
    for (unsigned ap_count = 1; ap_count <= most_aps; ++ap_count) {
        std::uint64_t usual_ns = 0;
        for (const Order order : {Order::none, Order::paper, Order::ours}) {
            Run run{parts, ap_count, order, usual_ns};
            ANT_TRY(run.go());
            print_run(order, parts, ap_count);
            if (order == Order::none) usual_ns = responses.mean();
        }
    }
    return {};
}

Result<> measure_all() {
    ANT_TRY(start());
    const std::string_view only = argument(1);
    for (const Parts& parts : combinations) {
        char name[16];
        format(name, sizeof name, "%u_%u", parts.execution_ms, parts.return_ms);
        if (only.empty() || only == name) ANT_TRY(measure(parts));
    }
    print_figure("model.bounds_violated", "samples", violated);
    print(
        "note of %u samples in the order of the paper; tolerance 1 ms for what the model takes as nothing: calls "
        "(model.communication) and timer interrupts\n",
        samples_checked);
    return {};
}

}  // namespace

int main() {
    const auto measured = measure_all();
    for (const char* name : ap_names) stop_child(name);
    for (const char* name : {"model-server", "model-driver"}) stop_child(name);
    if (!measured) print("bench model: %s\n", error_text(measured.error()));
    return measured ? 0 : 1;
}
