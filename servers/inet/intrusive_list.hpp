// Doubly linked list whose links live in its members: adding cannot fail.
#pragma once

#include <cstddef>
#include <memory>

namespace ant::inet_server {

template <class T, class Tag>
class List;

// T derives from Linked<T, Tag> once per list that it can be in.
template <class T, class Tag = void>
struct Linked {
    Linked* next = nullptr;
    Linked* previous = nullptr;
    [[nodiscard]] bool linked() const { return next != nullptr; }

private:
    Linked() = default;
    friend T;
    friend class List<T, Tag>;
};

template <class T, class Tag = void>
class List {
public:
    using Node = Linked<T, Tag>;

    constexpr List() { head_.next = head_.previous = &head_; }
    List(const List&) = delete;
    List& operator=(const List&) = delete;

    [[nodiscard]] bool empty() const { return head_.next == &head_; }
    [[nodiscard]] T* front() { return item(head_.next); }
    [[nodiscard]] T* after(T* element) { return item(static_cast<Node*>(element)->next); }
    [[nodiscard]] T* back() { return item(head_.previous); }
    [[nodiscard]] T* before(T* element) { return item(static_cast<Node*>(element)->previous); }

    void push_back(T* element) { insert(element, &head_); }
    // In front of `position`; nullptr = at the end.
    void insert_before(T* element, T* position) { insert(element, position == nullptr ? &head_ : static_cast<Node*>(position)); }
    T* pop_front() {
        T* element = front();
        if (element != nullptr) remove(element);
        return element;
    }
    static void remove(T* element) {
        Node* node = element;
        // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): an element of a list has neighbours
        node->previous->next = node->next;
        node->next->previous = node->previous;
        node->next = node->previous = nullptr;
    }

private:
    T* item(Node* node) { return node == &head_ ? nullptr : static_cast<T*>(node); }
    static void insert(Node* node, Node* position) {
        node->next = position;
        node->previous = position->previous;
        // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a list is a ring
        position->previous->next = node;
        position->previous = node;
    }
    Node head_;
};

// A fixed number of T, handed out and taken back. What comes out is as if new.
template <class T, unsigned count>
class Pool {
public:
    // nullptr when all are in use.
    T* take() {
        Cell* cell = free_;
        if (cell != nullptr) {
            free_ = cell->next_free;
        } else {
            if (used_ == count) return nullptr;
            cell = &cells_[used_++];
        }
        ++live_;
        return std::construct_at(reinterpret_cast<T*>(cell->object));
    }
    void give(T* object) {
        std::destroy_at(object);
        auto* cell = reinterpret_cast<Cell*>(object);  // `object` is the first member
        cell->next_free = free_;
        free_ = cell;
        --live_;
    }
    [[nodiscard]] unsigned live() const { return live_; }
    [[nodiscard]] bool full() const { return live_ == count; }

private:
    struct Cell {
        alignas(T) std::byte object[sizeof(T)];
        Cell* next_free;
    };
    Cell cells_[count];
    Cell* free_ = nullptr;
    unsigned used_ = 0;
    unsigned live_ = 0;
};

}  // namespace ant::inet_server
