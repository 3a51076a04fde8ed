#include <servers/guardian/boot_config.hpp>
#include <servers/guardian/rights.hpp>

#include <catch2/catch.hpp>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

using namespace ant;
using namespace ant::guardian_server;

namespace {

struct Parsed {
    std::unique_ptr<BootConfig> config = std::make_unique<BootConfig>();
    std::vector<unsigned> bad_lines;
    explicit Parsed(std::string_view text) {
        config->parse(text, [this](unsigned line, const char*) { bad_lines.push_back(line); });
    }
};

abi::ProcessRequest granted(const abi::Manifest& manifest, const char* line, const Instance& instance = {}) {
    const Parsed parsed{line};
    REQUIRE(parsed.bad_lines.empty());
    abi::ProcessRequest request{};
    grant(manifest, parsed.config->rules().front(), instance, request);
    return request;
}

abi::Manifest manifest_calling(const char* callees) {
    abi::Manifest manifest;
    std::strcpy(manifest.callees, callees);
    return manifest;
}

}  // namespace

TEST_CASE("the configuration's lines are understood", "[guardian]") {
    const Parsed parsed{
        "# a comment\n"
        "default calls console priority 5\n"
        "\n"
        "start console as tty priority 24 ports 0x3f8+8,0x60 irq 4,1 grant physical,list # serial\n"
        "start rtl8139 restart deadline 5000 probation 1000000 for-each-pci with inet env MODE=classic\n"
        "program web quota pages=100,calls=7 not-in minimal\r\n"};
    CHECK(parsed.bad_lines.empty());
    const auto rules = parsed.config->rules();
    REQUIRE(rules.size() == 3);
    CHECK(rules[0].start);
    CHECK(rules[0].as.view() == "tty");
    CHECK(rules[0].priority == 24);
    CHECK(rules[0].port_count == 2);
    CHECK(rules[0].ports[1].first == 0x60);
    CHECK(rules[0].ports[1].count == 1);
    CHECK(rules[0].irq_count == 2);
    CHECK(rules[0].privileges == (abi::privilege::physical | abi::privilege::list));
    CHECK(!rules[0].restart);
    CHECK(rules[1].for_each_pci);
    CHECK(rules[1].restart);
    CHECK(rules[1].deadline_us == 5000);
    CHECK(rules[1].probation_us == 1'000'000);
    CHECK(rules[1].with.view() == "inet");
    CHECK(rules[1].environment.view() == std::string_view{"MODE=classic\0", 13});
    CHECK(!rules[2].start);
    CHECK(rules[2].quota_pages == 100);
    CHECK(rules[2].quota_calls == 7);
    CHECK(!rules[2].applies_in("minimal"));
    CHECK(rules[2].applies_in("full"));
}

TEST_CASE("a line without sense is reported and left out", "[guardian]") {
    for (const char* line :
         {"begin web", "start", "start web priority", "start web priority 30", "start web priority x", "start web ports 0x10000",
          "start web ports 0xffff+2", "start web ports 1+0", "start web irq 255", "start web grant everything",
          "start web env =x", "start web deadline 0", "start web probation", "start web quota pages", "start web quota pages=-1",
          "start web as a-name-that-is-longer-than-thirty-one-characters", "start web calls a,,b", "start web loudly"}) {
        const Parsed parsed{line};
        INFO(line);
        CHECK(parsed.bad_lines == std::vector<unsigned>{1});
        CHECK(parsed.config->rules().empty());
    }
}

TEST_CASE("too many lines are reported, not stored", "[guardian]") {
    std::string text;
    for (unsigned i = 0; i < BootConfig::max_rules + 3; ++i) text += "start web\n";
    const Parsed parsed{text};
    CHECK(parsed.config->rules().size() == BootConfig::max_rules);
    CHECK(parsed.bad_lines.size() == 3);
}

TEST_CASE("a version of a program has the rule of the program", "[guardian]") {
    const Parsed parsed{"default priority 3\nprogram inet priority 16\nprogram inet@3 priority 4\n"};
    CHECK(parsed.config->rule_for("inet").priority == 16);
    CHECK(parsed.config->rule_for("inet@2").priority == 16);
    CHECK(parsed.config->rule_for("inet@3").priority == 4);
    CHECK(parsed.config->rule_for("other").priority == 3);
}

TEST_CASE("a process gets what manifest and configuration agree on", "[guardian]") {
    abi::Manifest manifest = manifest_calling("console inet");
    manifest.priority = 24;
    manifest.privileges = abi::privilege::list | abi::privilege::power;
    manifest.ports[0] = {0x3f0, 16};
    manifest.ports[1] = {0x70, 2};
    manifest.irq[0] = 4;
    manifest.irq[1] = 12;
    manifest.quota_pages = 50;
    const auto request = granted(manifest,
                                 "start a priority 16 grant list,physical ports 0x3f8+8,0x60+1 irq 4 calls inet,web "
                                 "quota pages=100,calls=1");
    CHECK(request.priority == 16);
    CHECK(request.privileges == abi::privilege::list);
    CHECK(request.ports[0].first == 0x3f8);
    CHECK(request.ports[0].count == 8);
    CHECK(request.ports[1].count == 0);
    CHECK(request.irq[0] == 4);
    CHECK(request.irq[1] == abi::no_irq);
    CHECK(request.quota_pages == 50);
    CHECK(request.quota_calls == 1);
    CHECK(std::string_view{request.callees[0]} == "inet");
    CHECK(request.callees[1][0] == '\0');
}

TEST_CASE("a slot outlives its process if manifest and configuration agree", "[guardian]") {
    abi::Manifest manifest;
    manifest.flags = abi::process_flag::tls | abi::process_flag::restart;
    CHECK(granted(manifest, "start a restart").flags == abi::process_flag::tls);
    manifest.restart = 1;
    CHECK(granted(manifest, "start a").flags == abi::process_flag::tls);
    CHECK(granted(manifest, "start a restart").flags == (abi::process_flag::tls | abi::process_flag::restart));
}

TEST_CASE("a deadline is lowered, never given or raised", "[guardian]") {
    abi::Manifest manifest;
    CHECK(granted(manifest, "start a deadline 100").deadline_us == 0);
    manifest.deadline_us = 5000;
    CHECK(granted(manifest, "start a").deadline_us == 5000);
    CHECK(granted(manifest, "start a deadline 100").deadline_us == 100);
    CHECK(granted(manifest, "start a deadline 9000").deadline_us == 5000);
}

TEST_CASE("nobody but the guardian has its priority", "[guardian]") {
    abi::Manifest manifest;
    manifest.priority = 31;
    CHECK(granted(manifest, "start a").priority == abi::priority::guardian - 1);
}

TEST_CASE("any callee on one side leaves what the other side lists", "[guardian]") {
    const auto limited = granted(manifest_calling("*"), "start a calls inet,web");
    CHECK(std::string_view{limited.callees[0]} == "inet");
    CHECK(std::string_view{limited.callees[1]} == "web");
    CHECK(limited.callees[2][0] == '\0');
    const auto modest = granted(manifest_calling("inet"), "start a calls *");
    CHECK(std::string_view{modest.callees[0]} == "inet");
    CHECK(modest.callees[1][0] == '\0');
    CHECK(std::string_view{granted(manifest_calling("*"), "start a calls *").callees[0]} == "*");
}

TEST_CASE("an allowed server stands for its further instances", "[guardian]") {
    const auto request = granted(manifest_calling("inet.1 inetd"), "start a calls inet");
    CHECK(std::string_view{request.callees[0]} == "inet.1");
    CHECK(request.callees[1][0] == '\0');
}

TEST_CASE("the second card's driver calls the second inet", "[guardian]") {
    const auto request = granted(manifest_calling("inet console"), "start rtl8139 calls *", {1, "rtl8139", "inet"});
    CHECK(std::string_view{request.callees[0]} == "inet.1");
    CHECK(std::string_view{request.callees[1]} == "console");
}

TEST_CASE("the command line sets modes and environments", "[guardian]") {
    const CommandLine line{"boot=minimal  rtl8139.mode=classic inet.1.ip=10.0.0.2 inet.ip=10.0.0.1 quiet"};
    CHECK(line.value("boot") == "minimal");
    CHECK(line.value("bo").empty());
    CHECK(line.value("quiet").empty());
    Strings<1024> first, second, other;
    CHECK(line.add_environment("inet", "inet", first));
    CHECK(first.view() == std::string_view{"IP=10.0.0.1\0", 12});
    CHECK(line.add_environment("inet", "inet.1", second));
    CHECK(second.view() == std::string_view{"IP=10.0.0.2\0IP=10.0.0.1\0", 24});
    CHECK(line.add_environment("rtl8139", "rtl8139.1", other));
    CHECK(other.view() == std::string_view{"MODE=classic\0", 13});
}

TEST_CASE("strings that do not fit change nothing", "[guardian]") {
    Strings<8> strings;
    CHECK(strings.add("abc"));
    CHECK(!strings.add("ab", "cd"));
    CHECK(strings.add("abc"));
    CHECK(!strings.add(""));
    CHECK(strings.count == 2);
}
