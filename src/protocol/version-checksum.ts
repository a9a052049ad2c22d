import { stringifyJson, type JsonObject } from '../base/json.js';
import { actionJson } from './action-json.js';
import { tableProperty } from './properties.js';
import type { TableState } from './replay.js';

/** More than these are left to the log, as Delta Spark does: readers would load them with every snapshot. */
const TXNS_MAX = 100;
const DOMAINS_MAX = 10;

/**
 * The version checksum of a state: what other engines take protocol, metadata, transactions and domains from instead of
 * replaying the log. Exact, for it is made of the whole state; undefined where the bytes of all files cannot be counted.
 * Delta protocol, "Version Checksum File".
 */
export function formatVersionChecksum(
  state: TableState,
  commit: { readonly txnId: string; readonly inCommitTimestampMs: number | undefined },
): string | undefined {
  const { files, txns, domains, metadata, protocol, configuration } = state;
  if (!Number.isSafeInteger(files.sizeInBytes)) return undefined;
  // A table that forgets transactions has others a moment later.
  const told = txns.size <= TXNS_MAX && tableProperty(configuration, 'txnRetentionMs') === undefined;
  const setTransactions: JsonObject[] = told
    ? [...txns.values()].map((txn) => actionJson({ kind: 'txn', txn }))
    : [];
  const domainMetadata: JsonObject[] = [...domains].map(([domain, text]) => ({
    domain,
    configuration: text,
    removed: false,
  }));
  const { inCommitTimestampMs } = commit;
  return stringifyJson({
    txnId: commit.txnId,
    tableSizeBytes: files.sizeInBytes,
    numFiles: files.size,
    numMetadata: 1,
    numProtocol: 1,
    ...(inCommitTimestampMs === undefined ? {} : { inCommitTimestampOpt: inCommitTimestampMs }),
    ...(told ? { setTransactions } : {}),
    ...(domains.size <= DOMAINS_MAX ? { domainMetadata } : {}),
    metadata: actionJson({ kind: 'metaData', metaData: metadata }),
    protocol: actionJson({ kind: 'protocol', protocol }),
  });
}
