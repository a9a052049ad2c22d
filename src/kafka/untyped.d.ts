declare module 'kafkajs-snappy' {
  /** Snappy with the framing Kafka's clients share, as kafkajs wants a codec. */
  export default function snappy(): {
    compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
    decompress(buffer: Buffer): Promise<Buffer>;
  };
}
