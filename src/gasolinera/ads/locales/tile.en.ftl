ads = Advertising today
none = Nothing was spent today
before = A week ago, the whole day: { $amount }
