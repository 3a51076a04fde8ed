#include "rights.hpp"

#include <algorithm>
#include <cstring>

namespace ant::guardian_server {
namespace {

constexpr std::string_view anybody = "*";

std::uint32_t at_most(std::uint32_t wanted, std::optional<std::uint32_t> limit) {
    return std::min(wanted, limit.value_or(wanted));
}

// Calls `take(name)` for each name in a list that is separated by `separator`.
template <class Take>
void for_each_name(std::string_view list, char separator, Take take) {
    while (!list.empty()) {
        const auto end = list.find(separator);
        if (end != 0) take(list.substr(0, end));
        list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
    }
}

bool lists(std::string_view list, char separator, std::string_view name) {
    bool found = false;
    for_each_name(list, separator, [&](std::string_view item) { found = found || item == name; });
    return found;
}

// boot.conf may name a family: "inet" there stands for inet.1 as well.
bool allowed(const Rule& rule, std::string_view callee) {
    const auto list = rule.callees.view();
    return lists(list, '\0', anybody) || lists(list, '\0', callee) || lists(list, '\0', callee.substr(0, callee.rfind('.')));
}

class CalleeList {
public:
    explicit CalleeList(abi::ProcessRequest& request) : request_{request} {}
    void add(std::string_view name) {
        for (unsigned i = 0; i < count_; ++i)
            if (name == request_.callees[i]) return;
        if (count_ == abi::max_callees || !Name::fits(name)) return;
        std::memcpy(request_.callees[count_++], Name{name}.text, abi::name_bytes);
    }

private:
    abi::ProcessRequest& request_;
    unsigned count_ = 0;
};

void grant_callees(const abi::Manifest& manifest, const Rule& rule, const Instance& instance, abi::ProcessRequest& request) {
    CalleeList granted{request};
    const auto wanted = bounded(manifest.callees);
    if (lists(wanted, ' ', anybody)) {
        for_each_name(rule.callees.view(), '\0', [&](std::string_view name) { granted.add(name); });
        return;
    }
    for_each_name(wanted, ' ', [&](std::string_view name) {
        if (!allowed(rule, name)) return;
        const bool paired = name == instance.driver || name == instance.partner;
        granted.add(paired ? instance_name(name, instance.number).view() : name);
    });
}

void grant_ports(const abi::Manifest& manifest, const Rule& rule, abi::ProcessRequest& request) {
    unsigned count = 0;
    for (const abi::PortRange& wanted : manifest.ports) {
        for (unsigned i = 0; i < rule.port_count; ++i) {
            const abi::PortRange& allowed = rule.ports[i];
            const unsigned first = std::max(wanted.first, allowed.first);
            const unsigned end = std::min(wanted.first + wanted.count, allowed.first + allowed.count);
            if (first >= end || count == std::size(request.ports)) continue;
            request.ports[count++] = {static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(end - first)};
        }
    }
}

void grant_irqs(const abi::Manifest& manifest, const Rule& rule, abi::ProcessRequest& request) {
    for (std::size_t i = 0; i < std::size(manifest.irq); ++i) {
        const auto end = rule.irqs.begin() + rule.irq_count;
        const bool allowed = std::find(rule.irqs.begin(), end, manifest.irq[i]) != end;
        request.irq[i] = allowed ? manifest.irq[i] : abi::no_irq;
    }
}

}  // namespace

void grant(const abi::Manifest& manifest, const Rule& rule, const Instance& instance, abi::ProcessRequest& request) {
    request.priority = at_most(at_most(manifest.priority, rule.priority), abi::priority::guardian - 1);
    request.privileges = manifest.privileges & rule.privileges;
    request.flags = manifest.flags & ~abi::process_flag::restart;
    if (manifest.restart != 0 && rule.restart) request.flags |= abi::process_flag::restart;
    if (manifest.deadline_us != 0) request.deadline_us = at_most(manifest.deadline_us, rule.deadline_us);
    request.quota_pages = at_most(manifest.quota_pages, rule.quota_pages);
    request.quota_calls = at_most(manifest.quota_calls, rule.quota_calls);
    grant_ports(manifest, rule, request);
    grant_irqs(manifest, rule, request);
    grant_callees(manifest, rule, instance, request);
}

}  // namespace ant::guardian_server
