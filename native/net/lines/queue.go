package lines

import (
	"encoding/json"
	"net"
	"sync"
)

const (
	maximumUnread    = 1024
	maximumUnreadLen = 8 << 20
)

// Queue has the lines that a client has not read yet. A client that lets them grow too many is given up.
type Queue struct {
	mutex  sync.Mutex
	filled sync.Cond
	lines  [][]byte
	bytes  int
	closed bool
}

// NewQueue makes an empty queue.
func NewQueue() *Queue {
	queue := &Queue{}
	queue.filled.L = &queue.mutex
	return queue
}

// Push adds a message as a line of JSON. It never blocks, and is false when the client is given up.
func (q *Queue) Push(message any) bool {
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

// SendTo writes the lines until the queue is closed or the client has gone, and closes the connection.
func (q *Queue) SendTo(connection net.Conn) {
	defer connection.Close()
	for {
		lines := q.Next()
		if lines == nil {
			return
		}
		if _, err := lines.WriteTo(connection); err != nil {
			return
		}
	}
}

// Next waits for lines and takes them; none when the queue is closed.
func (q *Queue) Next() net.Buffers {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	for len(q.lines) == 0 && !q.closed {
		q.filled.Wait()
	}
	lines := q.lines
	q.lines, q.bytes = nil, 0
	return lines
}

// Close ends the one who waits for lines, after what is queued.
func (q *Queue) Close() {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.closed = true
	q.filled.Signal()
}
