package host

import (
	"context"
	"io"
)

// CloseAtEnd closes something when a context ends. The function that it returns ends that.
func CloseAtEnd(ctx context.Context, closer io.Closer) func() {
	stop := context.AfterFunc(ctx, func() { closer.Close() })
	return func() { stop() }
}
