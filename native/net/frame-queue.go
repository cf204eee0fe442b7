package main

import "sync"

const (
	// More than one connection's send buffer, so that a single one never loses a frame here.
	maximumQueuedBytes  = 8 << 20
	maximumQueuedFrames = 4096
	// What one writing call takes: few calls, and yet space is free again soon.
	maximumBatchFrames = 128
	maximumBatchBytes  = 1 << 20
)

// frameQueue is what waits for a card's peer to read it. It never blocks those who send: what does not fit is
// dropped, as a switch does.
type frameQueue struct {
	mutex  sync.Mutex
	filled sync.Cond
	frames []frame
	bytes  int
	closed bool
}

func newFrameQueue() *frameQueue {
	queue := &frameQueue{}
	queue.filled.L = &queue.mutex
	return queue
}

// push takes the frame over, and says whether it will be sent.
func (q *frameQueue) push(f frame) bool {
	size := f.size()
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if q.closed || len(q.frames) >= maximumQueuedFrames || q.bytes+size > maximumQueuedBytes {
		f.release()
		return false
	}
	q.frames = append(q.frames, f)
	q.bytes += size
	q.filled.Signal()
	return true
}

// next waits for frames and moves some into `batch`; none when the queue is closed.
func (q *frameQueue) next(batch []frame) []frame {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	for len(q.frames) == 0 && !q.closed {
		q.filled.Wait()
	}
	count, bytes := 0, 0
	for count < len(q.frames) && count < maximumBatchFrames && bytes < maximumBatchBytes {
		bytes += q.frames[count].size()
		count++
	}
	batch = append(batch[:0], q.frames[:count]...)
	rest := copy(q.frames, q.frames[count:])
	clear(q.frames[rest:])
	q.frames = q.frames[:rest]
	q.bytes -= bytes
	return batch
}

// close drops what waits, and ends those who wait.
func (q *frameQueue) close() {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.closed = true
	for _, f := range q.frames {
		f.release()
	}
	q.frames, q.bytes = nil, 0
	q.filled.Broadcast()
}
