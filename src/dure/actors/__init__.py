"""Who is known by name: governments, ministries, agencies, companies, institutes and the press, with what they are called in
English and Korean. Tables, and questions about them; pure."""
