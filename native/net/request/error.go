package request

import "fmt"

// Error is what a request on the control socket is answered with.
type Error struct {
	Code    string       `json:"code"`
	Message string       `json:"message"`
	Details *PortDetails `json:"details,omitempty"`
}

// PortDetails says which port could not be published.
type PortDetails struct {
	Protocol    string `json:"protocol"`
	HostAddress string `json:"hostAddress"`
	HostPort    uint16 `json:"hostPort"`
}

// Failure makes an error.
func Failure(code, format string, values ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, values...)}
}
