package host

import "time"

// WaitForResources waits a moment for what an accept has failed for: descriptors, memory.
func WaitForResources() { time.Sleep(50 * time.Millisecond) }
