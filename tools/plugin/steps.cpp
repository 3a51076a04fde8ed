// A plugin of QEMU (its public plugin interface, version 1): counts the guest's instructions between places in programs.
//
//   -plugin steps.so,out=FILE[,marks=FILE][,crossings=on][,whole=on][,profile=FILE]
//
// A program says where a series, an interval and its end are by the instruction nopl 0x416e54NN(%rax): 1, 2, 3. A line
// "NAME ADDRESS BYTES" of `marks` names a place by its address in a program and the bytes of its first instruction, as
// programs have the same addresses. For each interval `out` gets a line "NAME:COUNT ... io:COUNT end:COUNT
// aside:COUNT" with the instructions from its beginning to the first passage of each place, and to the first store to a
// device. After that store everything up to the instruction behind it is counted as `aside` only: on the same machine the frame
// may arrive at another card. (Not with `profile`.) With `crossings` the line has a `cross:COUNT` for each way into the core
// and out of it, instead of what concerns devices. `whole`: all from power-on to the emulator's end is one interval.
// `profile` gets a line "ADDRESS COUNT BYTES" for each instruction executed within intervals. Both are written when the emulator
// exits, so it must not be killed.
//
// No header of QEMU is installed with it: the few functions that are used are declared here.
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

extern "C" {
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_hwaddr;
using PluginId = std::uint64_t;
using MemoryInfo = std::uint32_t;
void qemu_plugin_register_atexit_cb(PluginId, void (*)(PluginId, void*), void*);
void qemu_plugin_register_vcpu_tb_trans_cb(PluginId, void (*)(PluginId, qemu_plugin_tb*));
std::size_t qemu_plugin_tb_n_insns(const qemu_plugin_tb*);
qemu_plugin_insn* qemu_plugin_tb_get_insn(const qemu_plugin_tb*, std::size_t);
const void* qemu_plugin_insn_data(const qemu_plugin_insn*);
std::size_t qemu_plugin_insn_size(const qemu_plugin_insn*);
std::uint64_t qemu_plugin_insn_vaddr(const qemu_plugin_insn*);
void qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_insn*, void (*)(unsigned, void*), int flags, void*);
void qemu_plugin_register_vcpu_mem_cb(qemu_plugin_insn*, void (*)(unsigned, MemoryInfo, std::uint64_t, void*), int flags, int rw,
                                      void*);
qemu_plugin_hwaddr* qemu_plugin_get_hwaddr(MemoryInfo, std::uint64_t);
bool qemu_plugin_hwaddr_is_io(const qemu_plugin_hwaddr*);
[[gnu::visibility("default")]] int qemu_plugin_version = 1;
}

namespace {

constexpr int no_registers = 0, stores = 2;
constexpr std::size_t signature_bytes = 24;

struct Place {
    std::string name, bytes;
    std::uint64_t address = 0;
};
struct Instruction {
    std::uint64_t address = 0, count = 0;
    unsigned size = 0;
    const Place* place = nullptr;
    unsigned mark = 0;
    std::string bytes;  // with those behind it
};

// Never destroyed: needed when the emulator exits.
auto& places = *new std::vector<Place>;
auto& instructions = *new std::unordered_map<std::uint64_t, std::vector<std::unique_ptr<Instruction>>>;
std::FILE *out = nullptr, *profile = nullptr;

bool crossings = false, whole = false;
bool inside = false, in_core = false;
std::uint64_t counted = 0, aside = 0;
std::uint64_t paused_until = 0;  // 0: not paused
bool stored = false;
auto& passed = *new std::vector<std::pair<const char*, std::uint64_t>>;

void pass(const char* name) {
    for (const auto& [seen, count] : passed)
        if (seen == name) return;
    passed.emplace_back(name, counted);
}

bool is_core(std::uint64_t address) { return address >> 63 != 0; }

void cross(bool to_core) {
    if (crossings && in_core != to_core) passed.emplace_back("cross", counted);
    in_core = to_core;
}

void write_profile() {
    for (const auto& [address, here] : instructions)
        for (const auto& instruction : here) {
            if (instruction->count == 0) continue;
            std::fprintf(profile, "%" PRIx64 " %" PRIu64 " ", address, instruction->count);
            for (const unsigned char byte : instruction->bytes) std::fprintf(profile, "%02x", byte);
            std::fputc('\n', profile);
        }
    std::fflush(profile);
}

void finish() {
    for (const auto& [name, count] : passed) std::fprintf(out, "%s:%" PRIu64 " ", name, count);
    std::fprintf(out, "end:%" PRIu64 " aside:%" PRIu64 "\n", counted, aside);
    std::fflush(out);
}

void ended(PluginId, void*) {
    if (whole) finish();
    if (profile != nullptr) write_profile();
}

void reached(unsigned mark) {
    if (whole) return;
    if (mark == 1) std::fputs("series\n", out);
    if (mark == 3 && inside) finish();
    inside = mark == 2;
    in_core = false;
    counted = aside = paused_until = 0;
    stored = false;
    passed.clear();
}

void executed(unsigned, void* data) {
    auto& instruction = *static_cast<Instruction*>(data);
    if (instruction.mark != 0) return reached(instruction.mark);
    if (!inside) return;
    if (paused_until != 0) {
        if (instruction.address != paused_until) {
            ++aside;
            return;
        }
        paused_until = 0;
    }
    cross(is_core(instruction.address));
    if (instruction.place != nullptr) pass(instruction.place->name.c_str());
    ++counted;
    ++instruction.count;
}

void stores_to_device(unsigned, MemoryInfo info, std::uint64_t address, void* data) {
    if (!inside || stored || paused_until != 0) return;
    const qemu_plugin_hwaddr* hardware = qemu_plugin_get_hwaddr(info, address);
    if (hardware == nullptr || !qemu_plugin_hwaddr_is_io(hardware)) return;
    const auto& instruction = *static_cast<Instruction*>(data);
    stored = true;
    pass("io");
    if (profile == nullptr) paused_until = instruction.address + instruction.size;
}

unsigned mark_of(const unsigned char* bytes, std::size_t size) {
    const bool is_mark =
        size == 7 && std::memcmp(bytes, "\x0f\x1f\x80", 3) == 0 && std::memcmp(bytes + 4, "\x54\x6e\x41", 3) == 0;
    return is_mark ? bytes[3] : 0;
}

const Place* place_at(std::uint64_t address, const std::string& bytes) {
    for (const Place& place : places)
        if (place.address == address && bytes.compare(0, place.bytes.size(), place.bytes) == 0) return &place;
    return nullptr;
}

std::string bytes_from(const qemu_plugin_tb* block, std::size_t first) {
    std::string bytes;
    for (std::size_t i = first; i < qemu_plugin_tb_n_insns(block) && bytes.size() < signature_bytes; ++i) {
        const qemu_plugin_insn* insn = qemu_plugin_tb_get_insn(block, i);
        bytes.append(static_cast<const char*>(qemu_plugin_insn_data(insn)), qemu_plugin_insn_size(insn));
    }
    return bytes;
}

// The same instruction may be translated again and again.
Instruction& instruction_of(const qemu_plugin_tb* block, std::size_t index) {
    const qemu_plugin_insn* insn = qemu_plugin_tb_get_insn(block, index);
    const std::uint64_t address = qemu_plugin_insn_vaddr(insn);
    const std::string bytes = bytes_from(block, index);
    auto& here = instructions[address];
    for (const auto& known : here)
        if (known->bytes == bytes) return *known;
    auto& made = *here.emplace_back(std::make_unique<Instruction>());
    made.address = address;
    made.size = static_cast<unsigned>(qemu_plugin_insn_size(insn));
    made.mark = mark_of(static_cast<const unsigned char*>(qemu_plugin_insn_data(insn)), made.size);
    made.place = place_at(address, bytes);
    made.bytes = bytes;
    return made;
}

void translated(PluginId, qemu_plugin_tb* block) {
    for (std::size_t i = 0; i < qemu_plugin_tb_n_insns(block); ++i) {
        qemu_plugin_insn* insn = qemu_plugin_tb_get_insn(block, i);
        Instruction& instruction = instruction_of(block, i);
        qemu_plugin_register_vcpu_insn_exec_cb(insn, executed, no_registers, &instruction);
        if (!crossings && !whole && !is_core(instruction.address))
            qemu_plugin_register_vcpu_mem_cb(insn, stores_to_device, no_registers, stores, &instruction);
    }
}

void read_marks(const char* path) {
    std::FILE* file = std::fopen(path, "r");
    if (file == nullptr) return;
    char name[64], bytes[64];
    std::uint64_t address;
    while (std::fscanf(file, "%63s %" SCNx64 " %63s", name, &address, bytes) == 3) {
        Place place{name, {}, address};
        for (const char* digit = bytes; digit[0] != '\0' && digit[1] != '\0'; digit += 2)
            place.bytes.push_back(static_cast<char>(std::stoi(std::string(digit, 2), nullptr, 16)));
        places.push_back(place);
    }
    std::fclose(file);
}

}  // namespace

extern "C" [[gnu::visibility("default")]] int qemu_plugin_install(PluginId id, const void*, int count, char** arguments) {
    for (int i = 0; i < count; ++i) {
        const char* argument = arguments[i];
        if (std::strncmp(argument, "marks=", 6) == 0) read_marks(argument + 6);
        if (std::strcmp(argument, "crossings=on") == 0) crossings = true;
        if (std::strcmp(argument, "whole=on") == 0) whole = inside = true;
        if (std::strncmp(argument, "out=", 4) == 0) out = std::fopen(argument + 4, "w");
        if (std::strncmp(argument, "profile=", 8) == 0) profile = std::fopen(argument + 8, "w");
    }
    if (out == nullptr) return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, nullptr);
    return 0;
}
