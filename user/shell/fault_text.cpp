// The command `faults`: processes that ended, where, and what became of their calls.
#include "fault_text.hpp"

#include "guardian_calls.hpp"
#include "listing.hpp"

#include <ant/process.hpp>

namespace ant::shell {
namespace {

using ull = unsigned long long;

constexpr std::uint64_t symbol_timeout_us = 200'000;
constexpr std::uint32_t first_cause = abi::fault_vector::exit;  // below it: an exception of the CPU

constexpr const char* register_names[] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
                                          "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

const char* exception_name(std::uint32_t vector) {
    switch (vector) {
        case 0:
            return "divide error";
        case 1:
            return "debug";
        case 3:
            return "breakpoint";
        case 4:
            return "overflow";
        case 5:
            return "bound range";
        case 6:
            return "invalid opcode";
        case 7:
            return "no FPU";
        case 8:
            return "double fault";
        case 12:
            return "stack fault";
        case 13:
            return "protection fault";
        case 14:
            return "page fault";
        case 16:
            return "x87 error";
        case 17:
            return "alignment check";
        case 19:
            return "SIMD error";
        default:
            return "exception";
    }
}

// Where the process was says something about the cause.
bool has_place(std::uint32_t vector) {
    return vector < first_cause || vector == abi::fault_vector::hang || vector == abi::fault_vector::stopped ||
           vector == abi::fault_vector::runaway;
}

// "function+0x1f", or "program+0x401a2b" where no function is known.
struct Place {
    char text[guardian::max_symbol + 24];

    explicit Place(const abi::FaultRecord& fault) {
        guardian::Symbol request{};
        __builtin_memcpy(request.program, fault.program, sizeof request.program);
        request.address = fault.instruction;
        const auto answer = guardian_client.call(guardian::symbol, request, {}, symbol_timeout_us);
        if (answer && answer->result.function[0] != 0)
            format(text, sizeof text, "%.95s+0x%llx", answer->result.function, static_cast<ull>(answer->result.offset));
        else
            format(text, sizeof text, "%.32s+0x%llx", fault.program, static_cast<ull>(fault.instruction));
    }
};

void print_registers(const abi::FaultRecord& f) {
    for (unsigned i = 0; i < std::size(register_names); ++i)
        out.print("%s%-3s=%016llx%s", i % 4 == 0 ? "      " : " ", register_names[i], static_cast<ull>(f.registers[i]),
                  i % 4 == 3 ? "\n" : "");
}

void print_fault(const abi::FaultRecord& f) {
    out.print("%7llu.%03llu ms  %.32s (pid %u, %.32s): %s", static_cast<ull>(f.time_ns / 1'000'000),
              static_cast<ull>(f.time_ns / 1000 % 1000), f.name, f.pid, f.program, cause_name(f.vector));
    if (has_place(f.vector)) out.print(" at %s", Place{f}.text);
    if (f.vector < first_cause) out.print(", address 0x%llx, error code 0x%x", static_cast<ull>(f.address), f.error_code);
    if (f.text[0] != 0) out.print(", \"%.64s\"", f.text);
    if (f.exit_status != 0) out.print(", status %u", f.exit_status);
    if (f.calls_failed != 0) out.print(", %u calls failed", f.calls_failed);
    if (f.calls_redelivered != 0) out.print(", %u delivered again", f.calls_redelivered);
    out.write("\n");
    if (has_place(f.vector)) print_registers(f);
}

void describe_registers(Json& json, const abi::FaultRecord& f) {
    json.begin_object("registers");
    for (unsigned i = 0; i < std::size(register_names); ++i) json.number(register_names[i], f.registers[i]);
    json.end_object();
}

void describe_fault(Json& json, const abi::FaultRecord& f) {
    json.number("number", f.number);
    json.number("time_ns", f.time_ns);
    json.text("name", name_of(f.name));
    json.text("program", name_of(f.program));
    json.number("version", f.version);
    json.number("pid", f.pid);
    json.number("slot", f.slot);
    json.boolean("vacant", f.vacant != 0);
    json.text("cause", cause_name(f.vector));
    json.number("vector", f.vector);
    json.number("error_code", f.error_code);
    json.text("place", Place{f}.text);
    json.number("instruction", f.instruction);
    json.number("address", f.address);
    json.text("text", name_of(f.text));
    json.number("exit_status", f.exit_status);
    json.number("calls_failed", f.calls_failed);
    json.number("calls_redelivered", f.calls_redelivered);
    describe_registers(json, f);
}

}  // namespace

const char* cause_name(std::uint32_t vector) {
    switch (vector) {
        case abi::fault_vector::exit:
            return "exit";
        case abi::fault_vector::kill:
            return "killed";
        case abi::fault_vector::hang:
            return "hang";
        case abi::fault_vector::lost_reply:
            return "lost reply";
        case abi::fault_vector::panic:
            return "panic";
        case abi::fault_vector::stopped:
            return "stopped";
        case abi::fault_vector::runaway:
            return "runaway";
        default:
            return exception_name(vector);
    }
}

int list_faults(Arguments& arguments) {
    const bool as_json = arguments.take_flag("--json");
    const auto after = arguments.size() == 1 ? 0 : parse_number(arguments[1]);
    if (arguments.size() > 2 || !after) return status::show_usage;
    return list_records<abi::FaultRecord>(as_json, abi::ListKind::faults, "", print_fault, describe_fault,
                                          [&](const abi::FaultRecord& fault) { return fault.number > *after; });
}

}  // namespace ant::shell
