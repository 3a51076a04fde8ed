// The ACPI reader against firmware tables in a pretended physical memory, sound and damaged.
#include <kernel/arch/x86_64/acpi.hpp>
#include <kernel/arch/x86_64/acpi_tables.hpp>
#include <kernel/arch/x86_64/log.hpp>

#include <catch2/catch.hpp>

#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <vector>

using namespace ant::arch;

namespace {

using Bytes = std::vector<std::uint8_t>;

std::map<std::uint64_t, Bytes> memory;
std::unique_ptr<std::uint8_t[]> view;

}  // namespace

namespace ant::arch {

// An exact copy per look, and the one before is gone: the sanitizer sees every step outside.
const void* view_physical(std::uint64_t physical, std::size_t bytes) {
    view.reset();
    auto found = memory.upper_bound(physical);
    if (found == memory.begin()) return nullptr;
    --found;
    view = std::make_unique<std::uint8_t[]>(bytes);
    std::memset(view.get(), 0xff, bytes);
    const std::uint64_t offset = physical - found->first;
    if (offset < found->second.size())
        std::memcpy(view.get(), found->second.data() + offset, std::min<std::size_t>(bytes, found->second.size() - offset));
    return view.get();
}

void log(const char*, ...) {}

}  // namespace ant::arch

namespace {

void fix_sum(Bytes& table) {
    table[9] = 0;
    std::uint8_t sum = 0;
    for (const std::uint8_t byte : table) sum = static_cast<std::uint8_t>(sum + byte);
    table[9] = static_cast<std::uint8_t>(-sum);
}

Bytes table(const char* signature, const Bytes& body) {
    Bytes out(sizeof(acpi_table::Header));
    out.insert(out.end(), body.begin(), body.end());
    std::memcpy(out.data(), signature, 4);
    const auto length = static_cast<std::uint32_t>(out.size());
    std::memcpy(out.data() + 4, &length, sizeof length);
    fix_sum(out);
    return out;
}

template <class T>
void append(Bytes& to, const T& value) {
    const auto* raw = reinterpret_cast<const std::uint8_t*>(&value);
    to.insert(to.end(), raw, raw + sizeof value);
}

constexpr std::uint64_t rsdt_at = 0x1000, madt_at = 0x2000, fadt_at = 0x3000, dsdt_at = 0x4000;

BootInfo machine() {
    memory.clear();
    Bytes root;
    for (const std::uint64_t address : {std::uint64_t{0x9000}, madt_at, fadt_at})
        append(root, static_cast<std::uint32_t>(address));
    memory[rsdt_at] = table("RSDT", root);

    Bytes madt;
    append(madt, std::uint32_t{0xfee0'0000});
    append(madt, std::uint32_t{1});
    for (const Bytes& entry : {Bytes{0, 8, 0, 0, 1, 0, 0, 0}, Bytes{1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0},
                               Bytes{2, 10, 0, 0, 2, 0, 0, 0, 0, 0}, Bytes{2, 10, 0, 9, 20, 0, 0, 0, 0x0f, 0}})
        madt.insert(madt.end(), entry.begin(), entry.end());
    memory[madt_at] = table("APIC", madt);

    Bytes fadt(sizeof(acpi_table::Fadt) - sizeof(acpi_table::Header));
    const auto put = [&](std::size_t offset, auto value) { std::memcpy(&fadt[offset - 36], &value, sizeof value); };
    put(40, static_cast<std::uint32_t>(dsdt_at));
    put(48, std::uint32_t{0xb2});
    put(64, std::uint32_t{0x604});
    put(112, std::uint32_t{1 << 10});
    put(116, std::uint8_t{1});
    put(120, std::uint64_t{0xcf9});
    put(128, std::uint8_t{0x0f});
    memory[fadt_at] = table("FACP", fadt);

    // A name that only looks like it, then Name(_S5_, Package(4) {5, One, Zero, Zero})
    memory[dsdt_at] = table("DSDT", {'_', 'S', '5', '_', 0, 8, '_', 'S', '5', '_', 0x12, 7, 4, 0x0a, 5, 1, 0, 0});

    BootInfo info{};
    info.has_rsdp = true;
    std::memcpy(info.rsdp, "RSD PTR ", 8);
    const auto address = static_cast<std::uint32_t>(rsdt_at);
    std::memcpy(info.rsdp + 16, &address, sizeof address);
    std::uint8_t sum = 0;
    for (unsigned i = 0; i < 20; ++i) sum = static_cast<std::uint8_t>(sum + info.rsdp[i]);
    info.rsdp[8] = static_cast<std::uint8_t>(-sum);
    return info;
}

}  // namespace

TEST_CASE("the tables of a machine", "[acpi]") {
    read_acpi(machine());
    const AcpiInfo& info = acpi();
    CHECK(info.has_madt);
    CHECK(info.has_pic);
    CHECK(info.local_apic == 0xfee0'0000);
    REQUIRE(info.io_apic_count == 1);
    CHECK(info.io_apics[0].address == 0xfec0'0000);
    CHECK(info.routes[0].global == 2);
    CHECK_FALSE(info.routes[0].level);
    CHECK(info.routes[9].global == 20);
    CHECK(info.routes[9].level);
    CHECK(info.routes[9].active_low);
    CHECK(info.routes[11].global == 11);
    CHECK(info.pm1a_control == 0x604);
    CHECK(info.smi_command == 0xb2);
    CHECK(info.has_s5);
    CHECK(info.sleep_type_a == 5);
    CHECK(info.sleep_type_b == 1);
    CHECK(info.has_reset);
    CHECK(info.reset_address == 0xcf9);
    CHECK(info.reset_value == 0x0f);
}

TEST_CASE("without tables there is a PC of old", "[acpi]") {
    BootInfo info{};
    read_acpi(info);
    CHECK(acpi().has_pic);
    CHECK_FALSE(acpi().has_madt);
    CHECK_FALSE(acpi().has_s5);
    CHECK(acpi().routes[5].global == 5);
}

TEST_CASE("a table whose sum is wrong does not count", "[acpi]") {
    const BootInfo info = machine();
    memory[madt_at][40] ^= 1;
    memory[dsdt_at][40] ^= 1;
    read_acpi(info);
    CHECK_FALSE(acpi().has_madt);
    CHECK(acpi().has_fadt);
    CHECK_FALSE(acpi().has_s5);
}

TEST_CASE("damaged tables with sums that are right never harm", "[acpi]") {
    std::mt19937 random{42};
    for (unsigned round = 0; round < 50'000; ++round) {
        const BootInfo info = machine();
        for (unsigned changes = 1 + random() % 6; changes > 0; --changes) {
            auto chosen = std::next(memory.begin(), random() % memory.size());
            Bytes& bytes = chosen->second;
            bytes[4 + random() % (bytes.size() - 4)] = static_cast<std::uint8_t>(random() % 3 == 0 ? 0xff : random() % 16);
            std::uint32_t length = 0;
            std::memcpy(&length, bytes.data() + 4, sizeof length);
            if (length >= 36 && length <= 100'000) bytes.resize(std::max<std::size_t>(length, 36));
            fix_sum(bytes);
        }
        read_acpi(info);
        REQUIRE(acpi().io_apic_count <= max_io_apics);
        REQUIRE(acpi().sleep_type_a < 8);
    }
}
