package network

import (
	"sync"

	"mocker/netd/gateway"
)

// What one endpoint's connections may keep in buffers, each way, before they get the smallest ones.
const bufferBudgetBytes = 32 << 20

// bufferBudget shares an endpoint's memory among its connections: few get large buffers, many small ones, so
// that no guest can fill the host's memory.
type bufferBudget struct {
	mutex sync.Mutex
	left  int
}

// take returns the size of the next connection's buffers.
func (b *bufferBudget) take() int {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	size := min(max(b.left/4, gateway.SmallBuffer), gateway.LargeBuffer)
	b.left -= size
	return size
}

func (b *bufferBudget) giveBack(size int) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.left += size
}
