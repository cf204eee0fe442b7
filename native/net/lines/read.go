// Package lines speaks in JSON lines, of which no peer can make too many or too long ones.
package lines

import (
	"bufio"
	"errors"
	"fmt"
)

// Read reads up to a newline, which is not returned, and fails for a line of more than `limit` bytes.
func Read(reader *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := reader.ReadSlice('\n')
		if len(line)+len(part) > limit {
			return nil, fmt.Errorf("the line is longer than %d bytes", limit)
		}
		line = append(line, part...)
		if err == nil {
			return line[:len(line)-1], nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
	}
}
