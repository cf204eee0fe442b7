package main

import (
	"encoding/json"
	"net"
	"sync"
)

// lineQueue has the lines that a client has not read yet. A client that lets them grow too many is given up.
type lineQueue struct {
	mutex  sync.Mutex
	filled sync.Cond
	lines  [][]byte
	bytes  int
	closed bool
}

func newLineQueue() *lineQueue {
	queue := &lineQueue{}
	queue.filled.L = &queue.mutex
	return queue
}

// push never blocks, and is false when the client is given up.
func (q *lineQueue) push(message any) bool {
	line, err := json.Marshal(message)
	if err != nil {
		return false
	}
	line = append(line, '\n')
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if len(q.lines) >= maximumUnread || q.bytes+len(line) > maximumUnreadLen {
		q.closed = true
	}
	if !q.closed {
		q.lines = append(q.lines, line)
		q.bytes += len(line)
	}
	q.filled.Signal()
	return !q.closed
}

// writeTo writes the lines until the queue is closed or the client has gone, and closes the connection.
func (q *lineQueue) writeTo(connection net.Conn) {
	defer connection.Close()
	for {
		lines := q.next()
		if lines == nil {
			return
		}
		if _, err := lines.WriteTo(connection); err != nil {
			return
		}
	}
}

func (q *lineQueue) next() net.Buffers {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	for len(q.lines) == 0 && !q.closed {
		q.filled.Wait()
	}
	lines := q.lines
	q.lines, q.bytes = nil, 0
	return lines
}

func (q *lineQueue) close() {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.closed = true
	q.filled.Signal()
}
