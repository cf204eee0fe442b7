package frame

import "sync"

const (
	// More than one connection's send buffer, so that a single one never loses a frame here.
	maximumQueuedBytes  = 8 << 20
	maximumQueuedFrames = 4096
	// MaximumBatchFrames is what one writing call takes: few calls, and yet space is free again soon.
	MaximumBatchFrames = 128
	maximumBatchBytes  = 1 << 20
)

// Queue is what waits for a card's peer to read it. It never blocks those who send: what does not fit is
// dropped, as a switch does.
type Queue struct {
	mutex  sync.Mutex
	filled sync.Cond
	frames []Frame
	bytes  int
	closed bool
}

// NewQueue makes an empty queue.
func NewQueue() *Queue {
	queue := &Queue{}
	queue.filled.L = &queue.mutex
	return queue
}

// Push takes the frame over, and says whether it will be sent.
func (q *Queue) Push(f Frame) bool {
	size := f.Size()
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if q.closed || len(q.frames) >= maximumQueuedFrames || q.bytes+size > maximumQueuedBytes {
		f.Release()
		return false
	}
	q.frames = append(q.frames, f)
	q.bytes += size
	q.filled.Signal()
	return true
}

// Next waits for frames and moves some into `batch`; none when the queue is closed.
func (q *Queue) Next(batch []Frame) []Frame {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	for len(q.frames) == 0 && !q.closed {
		q.filled.Wait()
	}
	count, bytes := 0, 0
	for count < len(q.frames) && count < MaximumBatchFrames && bytes < maximumBatchBytes {
		bytes += q.frames[count].Size()
		count++
	}
	batch = append(batch[:0], q.frames[:count]...)
	rest := copy(q.frames, q.frames[count:])
	clear(q.frames[rest:])
	q.frames = q.frames[:rest]
	q.bytes -= bytes
	return batch
}

// Close drops what waits, and ends those who wait.
func (q *Queue) Close() {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.closed = true
	for _, f := range q.frames {
		f.Release()
	}
	q.frames, q.bytes = nil, 0
	q.filled.Broadcast()
}
