#include <servers/guardian/pci.hpp>

#include <catch2/catch.hpp>

#include <map>
#include <vector>

using namespace ant::guardian_server;

namespace {

struct Function {
    std::uint32_t id, class_code, header, buses;
};

struct Machine {
    std::map<std::uint32_t, Function> functions;
    unsigned reads = 0;

    std::vector<std::uint32_t> scan() {
        std::vector<std::uint32_t> found;
        auto read = [this](std::uint32_t address, unsigned reg) -> std::uint32_t {
            ++reads;
            const auto it = functions.find(address);
            if (it == functions.end()) return ~std::uint32_t{0};
            switch (reg) {
                case 0x00:
                    return it->second.id;
                case 0x08:
                    return it->second.class_code << 16;
                case 0x0c:
                    return it->second.header << 16;
                case 0x18:
                    return it->second.buses;
                default:
                    return 0;
            }
        };
        auto take = [&](std::uint32_t address, std::uint32_t, std::uint32_t) { found.push_back(address); };
        PciScan{read, take}.run();
        return found;
    }
    void bridge(std::uint32_t address, unsigned secondary) { functions[address] = {0x12348086, 0x0604, 1, secondary << 8}; }
};

}  // namespace

TEST_CASE("a single bus costs few reads", "[guardian]") {
    Machine machine;
    machine.functions[pci_address(0, 3, 0)] = {0x813910ec, 0x0200, 0, 0};
    CHECK(machine.scan() == std::vector<std::uint32_t>{pci_address(0, 3, 0)});
    CHECK(machine.reads < 64);
}

TEST_CASE("further functions are looked at where there are some", "[guardian]") {
    Machine machine;
    machine.functions[pci_address(0, 1, 0)] = {0x70008086, 0x0601, 0x80, 0};
    machine.functions[pci_address(0, 1, 2)] = {0x70208086, 0x0c03, 0, 0};
    machine.functions[pci_address(0, 2, 0)] = {0x11111234, 0x0300, 0, 0};
    machine.functions[pci_address(0, 2, 1)] = {0x11111234, 0x0300, 0, 0};
    CHECK(machine.scan() == std::vector<std::uint32_t>{pci_address(0, 1, 0), pci_address(0, 1, 2), pci_address(0, 2, 0)});
}

TEST_CASE("bridges are followed, also to smaller bus numbers", "[guardian]") {
    Machine machine;
    machine.bridge(pci_address(0, 1, 0), 5);
    machine.bridge(pci_address(5, 0, 0), 2);
    machine.functions[pci_address(2, 4, 0)] = {0x813910ec, 0x0200, 0, 0};
    CHECK(machine.scan().back() == pci_address(2, 4, 0));
}

TEST_CASE("bridges that lead in a circle end", "[guardian]") {
    Machine machine;
    machine.bridge(pci_address(0, 1, 0), 1);
    machine.bridge(pci_address(1, 0, 0), 0);
    machine.bridge(pci_address(1, 1, 0), 1);
    CHECK(machine.scan().size() == 3);
}
