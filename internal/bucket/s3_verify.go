package bucket

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// An etagKind says what the ETags of a server are: MD5 sums, as S3's are without encryption by a
// key of KMS, or something else.
type etagKind struct {
	sums   atomic.Bool  // one was
	others atomic.Int32 // how many were not, though the file was stored as it was sent
}

// otherETags is after how many ETags that are no sums no more are looked at.
const otherETags = 3

// verify checks that a bucket stored what it says that it did. An ETag that is not the MD5 sum
// of the file makes it read the file.
func (b *s3Bucket) verify(ctx context.Context, key string, sum []byte, out *s3.PutObjectOutput) error {
	if strings.Trim(aws.ToString(out.ETag), `"`) == hex.EncodeToString(sum) {
		b.etags.sums.Store(true)
		return nil
	}
	encrypted := out.ServerSideEncryption != "" && out.ServerSideEncryption != types.ServerSideEncryptionAes256
	if encrypted || !b.etags.sums.Load() && b.etags.others.Load() >= otherETags {
		return nil
	}
	file, err := b.Get(ctx, key)
	if errors.Is(err, ErrDenied) {
		return nil // files can be put alone: what the server says has to do
	}
	if err != nil {
		return fmt.Errorf("read what was stored: %w", err)
	}
	defer file.Close()
	stored := md5.New()
	if _, err := io.Copy(stored, file); err != nil {
		return fmt.Errorf("read what was stored: %w", err)
	}
	if !bytes.Equal(stored.Sum(nil), sum) {
		return errors.New("it stored something else than was sent")
	}
	b.etags.others.Add(1)
	return nil
}

// sumOf is the MD5 sum of a file from its current position on, where it stays.
func sumOf(file io.ReadSeeker) ([]byte, error) {
	at, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	sum := md5.New()
	if _, err := io.Copy(sum, file); err != nil {
		return nil, err
	}
	_, err = file.Seek(at, io.SeekStart)
	return sum.Sum(nil), err
}
