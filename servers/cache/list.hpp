// Doubly linked list whose links lie in its members; it knows how many they are.
#pragma once

namespace ant::cache_server {

struct Links {
    Links* next;
    Links* previous;
};

// T derives from Links, and is in one list at a time.
template <class T>
class List {
public:
    constexpr List() : head_{&head_, &head_} {}
    List(const List&) = delete;
    List& operator=(const List&) = delete;

    [[nodiscard]] bool empty() const { return count_ == 0; }
    [[nodiscard]] unsigned size() const { return count_; }
    [[nodiscard]] T* front() { return item(head_.next); }
    [[nodiscard]] T* back() { return item(head_.previous); }
    [[nodiscard]] T* after(T& element) { return item(element.next); }

    void push_back(T& element) { insert(element, head_); }
    void push_front(T& element) { insert(element, *head_.next); }
    void insert_before(T& position, T& element) { insert(element, position); }
    void remove(T& element) {
        element.previous->next = element.next;
        element.next->previous = element.previous;
        --count_;
    }
    T* pop_front() {
        T* element = front();
        if (element != nullptr) remove(*element);
        return element;
    }
    // All of `other` behind what is here.
    void append(List& other) {
        if (other.empty()) return;
        other.head_.next->previous = head_.previous;
        head_.previous->next = other.head_.next;
        other.head_.previous->next = &head_;
        head_.previous = other.head_.previous;
        count_ += other.count_;
        other.head_ = {&other.head_, &other.head_};
        other.count_ = 0;
    }

private:
    T* item(Links* links) { return links == &head_ ? nullptr : static_cast<T*>(links); }
    void insert(T& element, Links& position) {
        element.next = &position;
        element.previous = position.previous;
        position.previous->next = &element;
        position.previous = &element;
        ++count_;
    }

    Links head_;
    unsigned count_ = 0;
};

// A fixed number of T, handed out and taken back. T derives from Links.
template <class T, unsigned capacity>
class Pool {
public:
    T* take() {
        if (T* element = free_.pop_front(); element != nullptr) return element;
        return used_ == capacity ? nullptr : &elements_[used_++];
    }
    void give(T& element) { free_.push_front(element); }
    // How many can be had.
    [[nodiscard]] unsigned left() const { return capacity - used_ + free_.size(); }

private:
    T elements_[capacity];
    unsigned used_ = 0;
    List<T> free_;
};

}  // namespace ant::cache_server
