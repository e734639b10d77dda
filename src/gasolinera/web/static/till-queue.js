// What could not be sent, kept in this browser until it can: each entry has its own key, so that sending it twice
// redeems once. An entry says what was typed and nothing of whether it is good: that only the server knows.
const NAME = "till";
const STORE = "redemptions";

function opened() {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open(NAME, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(STORE, { keyPath: "key" });
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

async function within(mode, work) {
  const database = await opened();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const asked = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(asked.result);
      transaction.onerror = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

/** What this employee kept, the oldest first: a till is many people's, and what one typed is shown to nobody else. */
export async function waiting(employee) {
  const found = await within("readonly", (store) => store.getAll());
  return found.filter((entry) => entry.employee === employee).sort((one, other) => one.at - other.at);
}

export const keep = (entry) => within("readwrite", (store) => store.put(entry));
export const forget = (key) => within("readwrite", (store) => store.delete(key));
