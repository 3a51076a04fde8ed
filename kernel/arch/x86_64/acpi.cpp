#include "acpi.hpp"

#include "acpi_tables.hpp"
#include "log.hpp"

#include <algorithm>
#include <cstring>
#include <span>

namespace ant::arch {

namespace {

using namespace acpi_table;

constexpr unsigned max_tables = 64;
constexpr std::uint32_t max_table_bytes = 512 * 1024;
constexpr std::uint32_t fadt_reset_supported = 1 << 10;
constexpr std::uint32_t fadt_bytes_1 = offsetof(Fadt, flags);  // ACPI 1.0, up to and without `flags`

constinit AcpiInfo acpi_info = {};

using Bytes = std::span<const std::uint8_t>;

bool sums_to_zero(Bytes bytes) {
    std::uint8_t sum = 0;
    for (const std::uint8_t byte : bytes) sum = static_cast<std::uint8_t>(sum + byte);
    return sum == 0;
}

// The whole table if its length and checksum are sound and it is what we look for; else nothing.
// It can be read until the next table is opened.
Bytes open_table(std::uint64_t physical, const char* signature) {
    if (physical == 0) return {};
    const auto* header = static_cast<const Header*>(view_physical(physical, sizeof(Header)));
    if (header == nullptr || std::memcmp(header->signature, signature, 4) != 0) return {};
    const std::uint32_t length = header->length;
    if (length < sizeof(Header) || length > max_table_bytes) return {};
    const auto* bytes = static_cast<const std::uint8_t*>(view_physical(physical, length));
    if (bytes == nullptr || !sums_to_zero({bytes, length})) return {};
    return {bytes, length};
}

template <class T>
T read_at(Bytes bytes, std::size_t offset) {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

struct TableList {
    std::uint64_t addresses[max_tables];
    unsigned count = 0;
};

TableList read_root(const Rsdp& rsdp) {
    TableList list;
    unsigned entry_bytes = 8;
    Bytes root;
    if (rsdp.revision >= 2 && sums_to_zero({reinterpret_cast<const std::uint8_t*>(&rsdp), sizeof rsdp}))
        root = open_table(rsdp.xsdt, "XSDT");
    if (root.empty()) {
        root = open_table(rsdp.rsdt, "RSDT");
        entry_bytes = 4;
    }
    for (std::size_t at = sizeof(Header); at + entry_bytes <= root.size() && list.count < max_tables; at += entry_bytes)
        list.addresses[list.count++] = entry_bytes == 8 ? read_at<std::uint64_t>(root, at) : read_at<std::uint32_t>(root, at);
    return list;
}

Bytes find_table(const TableList& list, const char* signature) {
    for (unsigned i = 0; i < list.count; ++i)
        if (const Bytes table = open_table(list.addresses[i], signature); !table.empty()) return table;
    return {};
}

// ISA lines are edges, active high, unless said otherwise.
void read_override(const MadtOverride& entry) {
    if (entry.bus != 0 || entry.source >= legacy_irqs) return;
    acpi_info.routes[entry.source] = {
        .global = entry.global,
        .active_low = (entry.flags & 3) == 3,
        .level = (entry.flags >> 2 & 3) == 3,
    };
}

void read_madt_entry(Bytes entry) {
    switch (entry[0]) {
        case 1:
            if (entry.size() >= sizeof(MadtIoApic) && acpi_info.io_apic_count < max_io_apics) {
                const auto io_apic = read_at<MadtIoApic>(entry, 0);
                acpi_info.io_apics[acpi_info.io_apic_count++] = {.address = io_apic.address, .first = io_apic.first};
            }
            break;
        case 2:
            if (entry.size() >= sizeof(MadtOverride)) read_override(read_at<MadtOverride>(entry, 0));
            break;
        case 5:
            if (entry.size() >= sizeof(MadtLocalApicAddress))
                acpi_info.local_apic = read_at<MadtLocalApicAddress>(entry, 0).address;
            break;
        default:
            break;
    }
}

void read_madt(Bytes table) {
    if (table.size() < sizeof(Madt)) return;
    const auto madt = read_at<Madt>(table, 0);
    acpi_info.has_madt = true;
    acpi_info.has_pic = (madt.flags & 1) != 0;
    acpi_info.local_apic = madt.local_apic;
    for (std::size_t at = sizeof(Madt); at + sizeof(MadtEntry) <= table.size();) {
        const std::size_t length = table[at + 1];
        if (length < sizeof(MadtEntry) || length > table.size() - at) break;
        read_madt_entry(table.subspan(at, length));
        at += length;
    }
}

std::uint16_t port(std::uint32_t address) { return address <= 0xffff ? static_cast<std::uint16_t>(address) : 0; }

// AML (20.2): an integer that is a constant byte or one of the one-byte operators for 0 and 1.
bool read_small_integer(Bytes& code, std::uint16_t& value) {
    constexpr std::uint8_t zero = 0x00, one = 0x01, byte_prefix = 0x0a;
    if (code.size() < 2) return false;
    if (code[0] == byte_prefix) {
        value = code[1];
        code = code.subspan(2);
        return true;
    }
    if (code[0] != zero && code[0] != one) return false;
    value = code[0];
    code = code.subspan(1);
    return true;
}

// Package of \_S5: sleep types for PM1a and PM1b.
bool read_s5_package(Bytes code) {
    constexpr std::uint8_t package = 0x12;
    if (code.size() < 3 || code[0] != package) return false;
    const std::size_t length_bytes = 1 + (code[1] >> 6);
    if (code.size() < length_bytes + 4) return false;
    if (code[1 + length_bytes] < 2) return false;  // elements
    code = code.subspan(2 + length_bytes);
    std::uint16_t type_a = 0, type_b = 0;
    if (!read_small_integer(code, type_a) || !read_small_integer(code, type_b)) return false;
    acpi_info.sleep_type_a = type_a & 7;
    acpi_info.sleep_type_b = type_b & 7;
    return true;
}

// Looking for the bytes of Name(_S5_, Package...) is the usual way around an AML interpreter.
void find_s5(Bytes dsdt) {
    constexpr std::uint8_t name[] = {'_', 'S', '5', '_'};
    for (auto at = dsdt.begin() + sizeof(Header);;) {
        at = std::search(at, dsdt.end(), std::begin(name), std::end(name));
        if (at == dsdt.end()) return;
        at += sizeof name;
        acpi_info.has_s5 = read_s5_package(dsdt.subspan(static_cast<std::size_t>(at - dsdt.begin())));
        if (acpi_info.has_s5) return;
    }
}

void read_fadt(Bytes table) {
    if (table.size() < fadt_bytes_1) return;
    Fadt fadt{};
    std::memcpy(&fadt, table.data(), std::min(table.size(), sizeof fadt));
    acpi_info.has_fadt = true;
    acpi_info.pm1a_control = port(fadt.pm1a_control);
    acpi_info.pm1b_control = port(fadt.pm1b_control);
    acpi_info.smi_command = port(fadt.smi_command);
    acpi_info.acpi_enable = fadt.acpi_enable;
    acpi_info.century_register = fadt.century < 128 ? fadt.century : std::uint8_t{0};
    if (table.size() > offsetof(Fadt, reset_value) && (fadt.flags & fadt_reset_supported) != 0) {
        acpi_info.has_reset = fadt.reset.address != 0 && fadt.reset.space <= 1;
        acpi_info.reset_space = fadt.reset.space;
        acpi_info.reset_address = fadt.reset.address;
        acpi_info.reset_value = fadt.reset_value;
    }
    Bytes dsdt = open_table(fadt.x_dsdt, "DSDT");
    if (dsdt.empty()) dsdt = open_table(fadt.dsdt, "DSDT");
    if (!dsdt.empty()) find_s5(dsdt);
}

}  // namespace

const AcpiInfo& acpi() { return acpi_info; }

void read_acpi(const BootInfo& info) {
    acpi_info = {};
    acpi_info.has_pic = true;
    for (unsigned irq = 0; irq < legacy_irqs; ++irq) acpi_info.routes[irq].global = irq;
    if (!info.has_rsdp) return;
    Rsdp rsdp;
    std::memcpy(&rsdp, info.rsdp, sizeof rsdp);
    if (std::memcmp(rsdp.signature, "RSD PTR ", sizeof rsdp.signature) != 0 || !sums_to_zero({info.rsdp, 20})) {
        log("acpi: root pointer is garbage, ignored\n");
        return;
    }
    const TableList list = read_root(rsdp);
    if (const Bytes madt = find_table(list, "APIC"); !madt.empty()) read_madt(madt);
    if (const Bytes fadt = find_table(list, "FACP"); !fadt.empty()) read_fadt(fadt);
}

}  // namespace ant::arch
