package lines

import (
	"bytes"
	"encoding/json"
	"errors"
)

// DecodeStrictly decodes exactly one JSON value, and refuses what the target has no field for: to ignore a
// restriction that was asked for would be worse.
func DecodeStrictly(text []byte, target any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(target); err != nil {
		return err
	}
	if decoder.More() {
		return errors.New("more than one JSON value")
	}
	return nil
}
