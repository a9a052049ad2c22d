import { compress as zstdCompress, decompress as zstdDecompress, init } from '@bokuweb/zstd-wasm';
import kafkajs from 'kafkajs';
import snappy from 'kafkajs-snappy';
import { compressFrameSync, decompressFrameSync } from 'lz4-napi';
import { SluiceError } from '../base/errors.js';

const { CompressionCodecs, CompressionTypes } = kafkajs;

/** What kafkajs hands a codec to compress, and the two directions. */
export type Codec = {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(bytes: Buffer): Promise<Buffer>;
};

/**
 * The most that one compressed run of records may become. Kafka bounds a run by `message.max.bytes`
 * before it is stored, compressed, 1 MiB by default; a run that swells beyond this is refused rather than
 * allowed to exhaust the process.
 */
const BYTES_MAX = 256 * 1024 * 1024;

/** Teaches kafkajs snappy, lz4 and zstd beside the gzip it knows. Doing it again changes nothing. */
export function registerCodecs(): void {
  CompressionCodecs[CompressionTypes.Snappy] = () => snappyCodec;
  CompressionCodecs[CompressionTypes.LZ4] = () => lz4Codec;
  CompressionCodecs[CompressionTypes.ZSTD] = () => zstdCodec;
}

const snappyCodec: Codec = guarded('snappy', snappy());

const lz4Codec: Codec = guarded('lz4', {
  compress: (encoder) => Promise.resolve(compressFrameSync(encoder.buffer)),
  decompress: (bytes) => Promise.resolve(decompressFrameSync(bytes)),
});

let zstdReady: Promise<void> | undefined;

const zstdCodec: Codec = guarded('zstd', {
  compress: async (encoder) => {
    await (zstdReady ??= init());
    return asBuffer(zstdCompress(encoder.buffer));
  },
  decompress: async (bytes) => {
    await (zstdReady ??= init());
    return asBuffer(zstdGrown(bytes));
  },
});

/**
 * Java's producer writes frames that do not say how long their content is, and this decoder wants the
 * room beforehand: it is doubled until the content fits.
 */
function zstdGrown(bytes: Buffer): Uint8Array {
  for (let room = Math.max(1 << 20, bytes.length * 4); ; room *= 2) {
    try {
      return zstdDecompress(bytes, { defaultHeapSize: Math.min(room, BYTES_MAX) });
    } catch (cause) {
      if (room >= BYTES_MAX || !isTooSmall(cause)) throw cause;
    }
  }
}

/** zstd's error 70, "destination buffer is too small", as a negative number or as an unsigned one. */
function isTooSmall(cause: unknown): boolean {
  return cause instanceof Error && /(-70|4294967226)$/.test(cause.message);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * The codec, with an error for bytes that cannot be decompressed that names it and ends the client:
 * kafkajs tries again unless an error says that it is of no use, and hands on what has no cause of its own.
 */
export function guarded(name: string, codec: Codec): Codec {
  return {
    compress: (encoder) => codec.compress(encoder),
    decompress: async (bytes) => {
      try {
        return await codec.decompress(bytes);
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        const error = new SluiceError(
          'RECORD_INVALID',
          `records compressed with ${name} cannot be decompressed`,
          {
            context: { codec: name, bytes: bytes.length, why },
            hint: 'Read the topic with another client: if that fails too, the records are damaged.',
          },
        );
        throw Object.assign(error, { retriable: false });
      }
    },
  };
}
